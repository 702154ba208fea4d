import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Env, Inbox, V1User } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { until } from '../env/until.ts'
import { explain } from '../model/linearization.ts'
import { inWords, send } from '../model/operations.ts'
import { type Deed, type Relation, STRANGERS } from '../model/reference.ts'
import { pushes } from './expected-updates.ts'
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

  const deed = (actor: V1User, action: Deed['action'], target: V1User, message?: string): Deed => ({
    ...{ actor: actor.address, action, target: target.address, message, at: clock.at }
  })

  async function told({ events }: Inbox, count: number): Promise<string[]> {
    await until(() => events.length >= count, 'everything is told')
    return events.map(inWords)
  }

  test('a thousand pairs who ask each other come to one request each, and one refusal', async () => {
    const users = await Promise.all(Array.from({ length: 46 }, () => env.login()))
    const inboxes = await Promise.all(users.map(user => env.updates(user)))
    const couples = users.flatMap((a, i) => users.slice(i + 1).map(b => [a, b] as const))
    expect(couples.length).toBeGreaterThan(1000)
    for (let at = 0; at < couples.length; at += 100) {
      const answers = couples.slice(at, at + 100).map(async ([a, b]) => {
        const both = await Promise.all([send(a, deed(a, 'request', b, 'a')), send(b, deed(b, 'request', a, 'b'))])
        expect(both.filter(answer => answer.startsWith('request'))).toHaveLength(1)
        expect(both.filter(answer => answer === IMPOSSIBLE)).toHaveLength(1)
      })
      await Promise.all(answers)
    }

    const events = await log.all()
    expect(events).toHaveLength(couples.length)
    expect(await log.count('pair')).toBe(couples.length)
    for (const [i, { address, client }] of users.entries()) {
      const requests = await client.getRequestEvents()
      const toMe = events.filter(({ target }) => target === address)
      const incoming = requests?.incoming?.items.map(({ user }) => user?.address)
      expect(incoming).toEqual(toMe.map(({ actor }) => actor).reverse())
      expect(requests?.outgoing?.total).toBe(users.length - 1 - toMe.length)
      // Those of different pairs may be told in another order than that of their numbers.
      expect((await told(inboxes[i]!, toMe.length)).sort()).toEqual(pushes(toMe).sort())
    }
  })

  test('accept, reject, cancel and delete come to what one order of them comes to, and are told in it', async () => {
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
      const asked = deed(alice, 'request', bob, `${round}`)
      const first = { deed: asked, answer: await send(alice, asked) }
      const crossing = [
        [bob, deed(bob, 'accept', alice)],
        [alice, deed(alice, 'cancel', bob)],
        [phone, deed(bob, 'reject', alice)],
        [alice, deed(alice, 'delete', bob)],
        [phone, deed(bob, 'delete', alice)]
      ] as const
      const sent = crossing.map(async ([user, each]) => ({ deed: each, answer: await send(user, each) }))
      const answered = await Promise.all(sent)
      const events = (await log.ofPair(alice.address, bob.address)).filter(({ seq }) => seq > seen)
      seen = events.at(-1)?.seq ?? seen
      const asking = explain(relation, [first], events.slice(0, 1))
      const after = asking && explain(asking, answered, events.slice(1))
      expect({ after, answered, events }).not.toMatchObject({ after: null })
      relation = after!
      outcomes.add(events.map(({ action }) => action).join())
      if (relation.friends) {
        clock.at += 60_000
        const parting = deed(alice, 'delete', bob)
        const last = { deed: parting, answer: await send(alice, parting) }
        const event = (await log.ofPair(alice.address, bob.address)).at(-1)!
        seen = event.seq
        relation = explain(relation, [last], [event])!
      }
    }
    // Otherwise they did not meet.
    expect(outcomes.size).toBeGreaterThan(1)
    const events = (await log.ofPair(alice.address, bob.address)).filter(({ seq }) => seq > start)
    for (const [inbox, { address }] of [[toAlice, alice] as const, [toBob, bob] as const]) {
      const expected = pushes(events.filter(({ target }) => target === address))
      expect(await told(inbox, expected.length)).toEqual(expected)
    }
  })
})
