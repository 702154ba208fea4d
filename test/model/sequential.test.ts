import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collect, type Env, type Inbox, type V1User } from '../env/app.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { Clock, startOn } from '../env/service.ts'
import { until } from '../env/until.ts'
import { answerTo, inWords, send } from './operations.ts'
import { ACTIONS, eventOf, type Operation, Reference } from './reference.ts'
import { SEED } from './seed.ts'

const USERS = 3

/** An operation, or the one before once more, after some time. */
const step = fc.record({
  isRepeat: fc.boolean(),
  actor: fc.nat(USERS - 1),
  distance: fc.integer({ min: 1, max: USERS - 1 }),
  action: fc.constantFrom('request', 'accept', ...ACTIONS),
  message: fc.constantFrom(undefined, '', 'hi'),
  wait: fc.constantFrom(0, 1, 30_000, 60_000, 60_001, 3_600_000)
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Member {
  readonly user: V1User
  readonly inbox: Inbox
  readonly expected: string[]
}

describeEachDatabase('Three users who do one thing after the other', kind => {
  const clock = new Clock()
  let env: Env
  let sentinel: V1User
  beforeAll(async () => {
    env = await startOn(kind, {}, clock)
    sentinel = await env.login()
  })
  afterAll(() => env.stop())

  async function members(): Promise<Member[]> {
    // A login is only good at the time that it is.
    clock.at = Date.now()
    const users = await Promise.all(Array.from({ length: USERS }, () => env.login()))
    return Promise.all(users.map(async user => ({ user, inbox: await env.updates(user), expected: [] })))
  }

  async function checkLists({ user }: Member, all: readonly Member[], reference: Reference): Promise<void> {
    const { address, client } = user
    const addresses = all.map(member => member.user.address).sort()
    const friends = reference.friends(address, addresses)
    const [other] = addresses.filter(each => each !== address)
    const common = friends.filter(friend => reference.friends(other!, addresses).includes(friend))
    const waiting = reference.waiting()
    const incoming = waiting
      .filter(({ target }) => target === address)
      .map(operation => eventOf(operation, operation.actor).request)
    const outgoing = waiting
      .filter(({ actor }) => actor === address)
      .map(operation => eventOf(operation, operation.target).request)
    const lists = [
      collect(client.getFriends()),
      collect(client.getMutualFriends(other!)),
      client.getRequestEvents()
    ] as const
    expect(await Promise.all(lists)).toEqual([
      friends,
      common,
      {
        incoming: { items: incoming, total: incoming.length },
        outgoing: { items: outgoing, total: outgoing.length }
      }
    ])
  }

  async function checkReceivedUpdates({ inbox, expected }: Member): Promise<void> {
    await until(() => inbox.events.length >= expected.length, 'the update comes')
    expect(inbox.events.map(inWords)).toEqual(expected)
  }

  async function live(steps: readonly Step[]): Promise<void> {
    const all = await members()
    const reference = new Reference()
    let last: Operation | undefined
    for (const { isRepeat, actor, distance, action, message, wait } of steps) {
      clock.at += wait
      const who = { actor: all[actor]!.user.address, target: all[(actor + distance) % USERS]!.user.address }
      const fresh = { ...who, action, message: action === 'request' ? message : undefined }
      const operation: Operation = { ...(isRepeat && last ? last : fresh), at: clock.at }
      last = operation
      const outcome = reference.perform(operation)
      const sender = all.find(({ user }) => user.address === operation.actor)!
      expect(await send(sender.user, operation)).toEqual(answerTo(outcome))
      const receiver = all.find(({ user }) => user.address === operation.target)!
      if (outcome.kind === 'done') receiver.expected.push(inWords(eventOf(operation, operation.actor)))
      await Promise.all(all.map(checkReceivedUpdates))
      await Promise.all(all.map(member => checkLists(member, all, reference)))
    }
    // What comes next is the request of the sentinel: nothing else was on its way.
    for (const member of all) {
      const rung = await sentinel.client.requestFriendship(member.user.address)
      member.expected.push(inWords({ request: { ...rung!.request!, user: { address: sentinel.address } } }))
      await checkReceivedUpdates(member)
    }
    for (const { user } of all) {
      await sentinel.client.cancelFriendshipRequest(user.address)
      user.client.disconnect()
    }
  }

  test(`are answered, listed and notified as the rules say (seed ${SEED})`, async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 15 }), live), {
      seed: SEED,
      numRuns: 20
    })
  })
})
