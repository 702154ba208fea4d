import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Env, Inbox, V1User } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { until } from '../env/until.ts'
import { linearize } from '../model/linearization.ts'
import { inWords, send } from '../model/operations.ts'
import { type Operation, type Relation, STRANGERS } from '../model/reference.ts'
import { expectedUpdates } from './expected-updates.ts'
import { type LogReader, startWithLog } from './log-reader.ts'

const IMPOSSIBLE = 'Invalid friendship event update transition'

describeWithPostgres('Users who act upon each other at the same instant', () => {
  const clock = new Clock()
  let env: Env
  let log: LogReader
  beforeAll(async () => {
    ;({ env, log } = await startWithLog({}, clock))
  })
  afterAll(() => env.stop())

  const operation = (actor: V1User, action: Operation['action'], target: V1User, message?: string): Operation => ({
    actor: actor.address,
    action,
    target: target.address,
    message,
    at: clock.at
  })

  async function received({ events }: Inbox, count: number): Promise<string[]> {
    await until(() => events.length >= count, 'everything arrives')
    return events.map(inWords)
  }

  test('end with one request and one refusal for each of a thousand pairs who ask each other', async () => {
    const users = await Promise.all(Array.from({ length: 46 }, () => env.login()))
    const inboxes = await Promise.all(users.map(user => env.updates(user)))
    const pairs = users.flatMap((a, i) => users.slice(i + 1).map(b => [a, b] as const))
    expect(pairs.length).toBeGreaterThan(1000)
    for (let at = 0; at < pairs.length; at += 100) {
      const answers = pairs.slice(at, at + 100).map(async ([a, b]) => {
        const both = await Promise.all([
          send(a, operation(a, 'request', b, 'a')),
          send(b, operation(b, 'request', a, 'b'))
        ])
        expect(both.filter(answer => answer.startsWith('request'))).toHaveLength(1)
        expect(both.filter(answer => answer === IMPOSSIBLE)).toHaveLength(1)
      })
      await Promise.all(answers)
    }

    const events = await log.all()
    expect(events).toHaveLength(pairs.length)
    expect(await log.count('pair')).toBe(pairs.length)
    for (const [i, { address, client }] of users.entries()) {
      const requests = await client.getRequestEvents()
      const toMe = events.filter(({ target }) => target === address)
      const incoming = requests?.incoming?.items.map(({ user }) => user?.address)
      expect(incoming).toEqual(toMe.map(({ actor }) => actor).reverse())
      expect(requests?.outgoing?.total).toBe(users.length - 1 - toMe.length)
      // Those of different pairs may arrive in another order than that of their numbers.
      expect((await received(inboxes[i]!, toMe.length)).sort()).toEqual(expectedUpdates(toMe).sort())
    }
  })

  test('have the result of one order of accept, reject, cancel and delete, and are notified in that order', async () => {
    const [alice, bob] = [await env.login(), await env.login()]
    const phone = await env.login(bob)
    const [toAlice, toBob] = [await env.updates(alice), await env.updates(bob)]
    let relation: Relation = STRANGERS
    let seen = (await log.all()).at(-1)?.seq ?? 0
    const start = seen
    const outcomes = new Set<string>()
    for (let round = 0; round < 60; round++) {
      // Nothing is a repetition of what was in the round before.
      clock.at += 60_000
      const asked = operation(alice, 'request', bob, `${round}`)
      const first = { operation: asked, answer: await send(alice, asked) }
      const crossing = [
        [bob, operation(bob, 'accept', alice)],
        [alice, operation(alice, 'cancel', bob)],
        [phone, operation(bob, 'reject', alice)],
        [alice, operation(alice, 'delete', bob)],
        [phone, operation(bob, 'delete', alice)]
      ] as const
      const sent = crossing.map(async ([user, each]) => ({ operation: each, answer: await send(user, each) }))
      const answered = await Promise.all(sent)
      const events = (await log.ofPair(alice.address, bob.address)).filter(({ seq }) => seq > seen)
      seen = events.at(-1)?.seq ?? seen
      const asking = linearize(relation, [first], events.slice(0, 1))
      const after = asking && linearize(asking, answered, events.slice(1))
      expect({ after, answered, events }).not.toMatchObject({ after: null })
      relation = after!
      outcomes.add(events.map(({ action }) => action).join())
      if (relation.friends) {
        clock.at += 60_000
        const parting = operation(alice, 'delete', bob)
        const last = { operation: parting, answer: await send(alice, parting) }
        const event = (await log.ofPair(alice.address, bob.address)).at(-1)!
        seen = event.seq
        relation = linearize(relation, [last], [event])!
      }
    }
    // Otherwise they did not meet.
    expect(outcomes.size).toBeGreaterThan(1)
    const events = (await log.ofPair(alice.address, bob.address)).filter(({ seq }) => seq > start)
    for (const [inbox, { address }] of [[toAlice, alice] as const, [toBob, bob] as const]) {
      const expected = expectedUpdates(events.filter(({ target }) => target === address))
      expect(await received(inbox, expected.length)).toEqual(expected)
    }
  })
})
