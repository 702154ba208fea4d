import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAIR_ACTIONS } from '../../src/domain/friendship.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { type LogReader, startWithLog } from '../faults/log-reader.ts'
import { Member, PROTOCOLS, type Protocol } from './mixed-member.ts'
import { newsOf, type Operation, perform, Reference, type Relation } from './mixed-reference.ts'
import { SEED } from './seed.ts'

const USERS = 3

/** Few users and many operations, so that they meet; the operations that lead somewhere more often than the others. */
const operation = fc.record({
  actor: fc.nat(USERS - 1),
  distance: fc.integer({ min: 1, max: USERS - 1 }),
  action: fc.constantFrom(
    'request' as const,
    'request' as const,
    'accept' as const,
    'accept' as const,
    ...PAIR_ACTIONS
  ),
  protocol: fc.constantFrom(...PROTOCOLS)
})
const wait = fc.constantFrom(0, 60_000, 60_001)
type Plan = typeof operation extends fc.Arbitrary<infer T> ? T : never

interface Attempt {
  readonly actor: Member
  readonly protocol: Protocol
  readonly operation: Operation
}

function attempt(members: readonly Member[], { actor, distance, action, protocol }: Plan, at: number): Attempt {
  const [from, to] = [members[actor]!, members[(actor + distance) % USERS]!]
  return { actor: from, protocol, operation: { actor: from.address, target: to.address, action, at } }
}

/** Three users who were not there before, at the present time: a login is only good at the time that it is. */
async function connectMembers(env: Env, clock: Clock): Promise<Member[]> {
  clock.at = Date.now()
  const members = []
  for (let count = 0; count < USERS; count += 1) members.push(await Member.join(env))
  return members
}

/** Notes who receives an update of an operation. */
function note(members: readonly Member[], before: Relation, operation: Operation): void {
  const { v1, v2 } = newsOf(before, operation)
  const target = members.find(({ address }) => address === operation.target)
  target?.news.v1.push(...v1.map(action => [operation.actor, action] as const))
  target?.news.v2.push(...v2.map(action => [operation.actor, action] as const))
}

async function checkAll(members: readonly Member[], reference: Reference): Promise<void> {
  const everybody = members.map(({ address }) => address)
  await Promise.all(members.map(member => member.check(reference, everybody)))
}

async function disconnectMembers(members: readonly Member[]): Promise<void> {
  for (const member of members) await member.checkNews()
  for (const member of members) member.leave()
}

describe('Users of all protocols who do one thing after the other', () => {
  const clock = new Clock()
  let env: Env
  beforeAll(async () => {
    env = await Env.start({}, clock)
  })
  afterAll(() => env.stop())

  async function live(steps: readonly (readonly [number, Plan])[]): Promise<void> {
    const members = await connectMembers(env, clock)
    const reference = new Reference()
    for (const [ms, plan] of steps) {
      clock.at += ms
      const { actor, protocol, operation } = attempt(members, plan, clock.at)
      const before = reference.between(operation.actor, operation.target)
      const outcome = reference.perform(operation)
      expect([operation, await actor.do(protocol, operation)]).toEqual([operation, outcome !== 'refused'])
      if (outcome === 'done') note(members, before, operation)
      await checkAll(members, reference)
    }
    await disconnectMembers(members)
  }

  it(`see the same, whatever they speak (seed ${SEED})`, async () => {
    const steps = fc.array(fc.tuple(wait, operation), { minLength: 8, maxLength: 20, size: 'max' })
    await fc.assert(fc.asyncProperty(steps, live), { seed: SEED, numRuns: 8, endOnFailure: true })
  })
})

describeWithPostgres('Users of all protocols who act at the same instant', () => {
  const clock = new Clock()
  let env: Env
  let log: LogReader
  beforeAll(async () => {
    ;({ env, log } = await startWithLog({}, clock))
  })
  afterAll(() => env.stop())

  async function live(moments: readonly (readonly [number, readonly Plan[]])[]): Promise<void> {
    const members = await connectMembers(env, clock)
    const reference = new Reference()
    let seen = (await log.all()).at(-1)?.seq ?? 0
    for (const [ms, plans] of moments) {
      clock.at += ms
      const attempts = plans.map(plan => attempt(members, plan, clock.at))
      const answers = await Promise.all(attempts.map(({ actor, protocol, operation }) => actor.do(protocol, operation)))
      const logged = (await log.all()).filter(({ seq }) => seq > seen)
      seen = logged.at(-1)?.seq ?? seen

      const states = new Map<string, Relation[]>()
      const statesOf = ({ actor, target }: Pick<Operation, 'actor' | 'target'>): Relation[] => {
        const key = [actor, target].sort().join()
        const known = states.get(key) ?? [reference.between(actor, target)]
        states.set(key, known)
        return known
      }
      for (const event of logged) {
        const passed = statesOf(event)
        note(members, reference.between(event.actor, event.target), event)
        expect([event, reference.perform(event)]).toEqual([event, 'done'])
        passed.push(reference.between(event.actor, event.target))
      }
      // Each was answered as it had to be at some time within the moment.
      for (const [at, { operation }] of attempts.entries()) {
        const outcomes = statesOf(operation).map(state => perform(state, operation)[0] !== 'refused')
        expect([operation, outcomes]).toEqual([operation, expect.arrayContaining([answers[at]])])
      }
      await checkAll(members, reference)
    }
    await disconnectMembers(members)
  }

  it(`see the same, as if they had acted one after the other (seed ${SEED})`, async () => {
    const moment = fc.tuple(wait, fc.array(operation, { minLength: 2, maxLength: 10, size: 'max' }))
    const moments = fc.array(moment, { minLength: 3, maxLength: 8, size: 'max' })
    await fc.assert(fc.asyncProperty(moments, live), { seed: SEED, numRuns: 12, endOnFailure: true })
  })
})
