import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { collect, type Env, type Inbox, type V1Event, type V1User } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { until } from '../env/until.ts'
import { expectedUpdates } from '../faults/expected-updates.ts'
import { type LogReader, startWithLog } from '../faults/log-reader.ts'
import { type Answered, linearize } from './linearization.ts'
import { inWords, send } from './operations.ts'
import { ACTIONS, keyOf, type Operation, type Relation, STRANGERS } from './reference.ts'
import { SEED } from './seed.ts'

const USERS = 3
const DEVICES = 2

/** Operations of one moment: who, from which device, does what to whom. Few users and many operations, so that they meet. */
const moment = fc.record({
  wait: fc.constantFrom(0, 5_000, 10_001),
  operations: fc.array(
    fc.record({
      actor: fc.nat(USERS - 1),
      device: fc.nat(DEVICES - 1),
      distance: fc.integer({ min: 1, max: USERS - 1 }),
      action: fc.constantFrom('request', 'accept', ...ACTIONS),
      message: fc.constantFrom(undefined, 'hi')
    }),
    { minLength: 2, maxLength: 8 }
  )
})
type Moment = typeof moment extends fc.Arbitrary<infer T> ? T : never

type Requests = NonNullable<NonNullable<Awaited<ReturnType<V1User['client']['getRequestEvents']>>>['incoming']>

interface Member {
  readonly address: Address
  readonly devices: readonly V1User[]
  readonly inboxes: readonly Inbox[]
}

describeWithPostgres('Users who act at the same instant, each on several sockets', () => {
  const clock = new Clock()
  let env: Env
  let log: LogReader
  beforeAll(async () => {
    ;({ env, log } = await startWithLog({}, clock))
  })
  afterAll(() => env.stop())

  async function member(): Promise<Member> {
    const first = await env.login()
    const devices = [first]
    while (devices.length < DEVICES) devices.push(await env.login(first))
    const inboxes: Inbox[] = []
    for (const device of devices) inboxes.push(await env.updates(device))
    return { address: first.address, devices, inboxes }
  }

  async function live(moments: readonly Moment[]): Promise<void> {
    // A login is only good at the time that it is.
    clock.at = Date.now()
    const all = await Promise.all(Array.from({ length: USERS }, member))
    const start = (await log.all()).at(-1)?.seq ?? 0
    const relations = new Map<string, Relation>()
    let seen = start
    for (const { wait, operations } of moments) {
      clock.at += wait
      const sent = operations.map(async ({ actor, device, distance, action, message }): Promise<Answered> => {
        const [from, to] = [all[actor]!, all[(actor + distance) % USERS]!]
        const note = action === 'request' ? message : undefined
        const operation: Operation = { actor: from.address, target: to.address, action, message: note, at: clock.at }
        return { operation, answer: await send(from.devices[device]!, operation) }
      })
      const answered = await Promise.all(sent)
      const events = (await log.all()).filter(({ seq }) => seq > seen)
      seen = events.at(-1)?.seq ?? seen
      for (const key of new Set(answered.map(({ operation }) => keyOf(operation.actor, operation.target)))) {
        const ofPair = answered.filter(({ operation }) => keyOf(operation.actor, operation.target) === key)
        const logged = events.filter(({ actor, target }) => keyOf(actor, target) === key)
        const after = linearize(relations.get(key) ?? STRANGERS, ofPair, logged)
        expect({ after, ofPair, logged }).not.toMatchObject({ after: null })
        relations.set(key, after!)
      }
    }
    for (const each of all) await checkLists(each, all, relations)
    const events = (await log.all()).filter(({ seq }) => seq > start)
    for (const each of all) await checkReceivedUpdates(each, events)
    for (const { devices } of all) for (const { client } of devices) client.disconnect()
  }

  async function checkLists({ address, devices }: Member, all: Member[], relations: Map<string, Relation>) {
    const { client } = devices[0]!
    const others = all.map(each => each.address).filter(other => other !== address)
    const relation = (other: Address): Relation => relations.get(keyOf(address, other)) ?? STRANGERS
    expect(await collect(client.getFriends())).toEqual(others.filter(other => relation(other).friends).sort())
    const asked = others.flatMap(other => relation(other).asked ?? [])
    const requests = await client.getRequestEvents()
    const ofOthers = (from: readonly Operation[]) =>
      from.map(({ actor, target }) => (actor === address ? target : actor))
    const listed = (list: Requests | undefined) => list?.items.map(({ user }) => user?.address).sort()
    expect(listed(requests?.incoming)).toEqual(ofOthers(asked.filter(({ target }) => target === address)).sort())
    expect(listed(requests?.outgoing)).toEqual(ofOthers(asked.filter(({ actor }) => actor === address)).sort())
  }

  /** Each device received what the log says, once, and of each other user in the order of the log. */
  async function checkReceivedUpdates({ address, inboxes }: Member, events: readonly PairEvent[]): Promise<void> {
    const expected = events.filter(({ target }) => target === address)
    for (const { events: received } of inboxes) {
      await until(() => received.length >= expected.length, 'everything that is in the log arrives')
      for (const actor of new Set(expected.map(event => event.actor))) {
        const ofActor = (event: V1Event) => Object.values(event).some(body => body?.user?.address === actor)
        expect(received.filter(ofActor).map(inWords)).toEqual(
          expectedUpdates(expected.filter(event => event.actor === actor))
        )
      }
      expect(received).toHaveLength(expected.length)
    }
  }

  test(`are answered as if they had acted one after the other, and receive what the log says (seed ${SEED})`, async () => {
    await fc.assert(fc.asyncProperty(fc.array(moment, { minLength: 2, maxLength: 6 }), live), {
      seed: SEED,
      numRuns: 25,
      endOnFailure: true
    })
  })
})
