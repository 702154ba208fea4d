import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { DEFAULT_SETTINGS } from '../../src/domain/settings.ts'
import { describeEachDatabase, describeWithPostgres, postgresUrl } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import type { Answer } from '../env/webhook-receiver.ts'
import { newUser, newUsers } from '../storage/stores.ts'
import { NotificationEnv, QUICK } from './notification-env.ts'

const ATTEMPTS = 'social_notifications_attempts_total'
const MINUTE_MS = 60_000
/** The one that is ready first. */
const KIND = postgresUrl === null ? 'embedded' : 'postgres'

describeEachDatabase('notifications', kind => {
  it('tell every sink what happens to pairs and to settings, with ids of their own', async () => {
    await using env = await NotificationEnv.open(kind, 'chat', 'mail')
    const [alice, bob] = [newUser(), newUser()]
    const instance = await env.dispatch()
    const events = [
      await env.act(alice, 'request', bob, 'Hi \u{1F44B} <b>'),
      await env.act(bob, 'accept', alice),
      await env.act(alice, 'delete', bob),
      await env.act(alice, 'request', bob),
      await env.act(bob, 'reject', alice),
      await env.act(alice, 'request', bob),
      await env.act(alice, 'cancel', bob),
      await env.act(bob, 'block', alice),
      await env.act(bob, 'unblock', alice)
    ]
    await env.change(alice, { privateMessages: 'only_friends' })
    for (const name of ['chat', 'mail']) {
      await env.settled(name)
      const { received, forged } = env.receiver(name)
      expect(forged).toEqual([])
      const ofPair = received.filter(({ data }) => 'actor' in data)
      expect(ofPair.map(({ type }) => type)).toEqual([
        'friendship.requested',
        'friendship.accepted',
        'friendship.deleted',
        'friendship.requested',
        'friendship.rejected',
        'friendship.requested',
        'friendship.canceled',
        'user.blocked',
        'user.unblocked'
      ])
      expect(
        ofPair.map(({ data, timestamp }) => [data.seq, data['actor'], data['target'], Date.parse(timestamp)])
      ).toEqual(events.map(({ seq, actor, target, at }) => [seq, actor, target, at]))
      expect(ofPair.map(({ data }) => data['message'])).toEqual(['Hi \u{1F44B} <b>', ...Array(8).fill(undefined)])
      const settings = { ...DEFAULT_SETTINGS, privateMessages: 'only_friends' }
      expect(received.filter(({ data }) => 'user' in data)).toMatchObject([
        { type: 'user.settings_changed', data: { user: alice, settings, changed: ['privateMessages'] } }
      ])
      expect(new Set(received.map(({ id }) => id)).size).toBe(10)
      // Standard Webhooks joins the id with a dot to what it signs.
      for (const { id } of received) expect(id).toMatch(/^evt_[\w]{10,60}$/)
    }
    expect(
      env
        .receiver('chat')
        .received.map(({ id }) => id)
        .sort()
    ).toEqual(
      env
        .receiver('mail')
        .received.map(({ id }) => id)
        .sort()
    )
    expect(await instance.counted(`${ATTEMPTS}{sink="webhook-chat",outcome="done"}`)).toBe(10)
    expect(await instance.counted('social_notifications_duration_seconds_count{sink="webhook-mail"}')).toBe(10)
  })

  it('that a receiver does not take, one way or another, come again until it does, in order and with the same id', async () => {
    await using env = await NotificationEnv.open(kind, 'chat')
    const chat = env.receiver('chat')
    const faults: Answer[] = [500, 'cut', 429, 'garbage', 503, 404, 302, 'endless', 408, 410]
    let fault = 0
    // Every other call fails, each time in another way; one is never answered, which takes its time.
    chat.answer = ({ call }) => {
      if (call === 3) return 'hang'
      return call % 2 === 0 ? (faults[fault++ % faults.length] ?? 204) : 204
    }
    await env.dispatch({ timeoutMs: paced(500) })
    const users = newUsers(4)
    await Promise.all(
      users.map(async alice => {
        const bob = newUser()
        for (const _ of Array(3)) {
          await env.act(alice, 'request', bob)
          await env.act(bob, 'accept', alice)
          await env.change(alice, { friends: 'EVERYONE' })
          await env.act(bob, 'delete', alice)
          await env.change(alice, { friends: 'FRIENDS' })
        }
      })
    )
    await env.settled('chat')
    expect(chat.byPair()).toEqual(await env.expected())
    const ids = new Map(chat.calls.map(({ id, data }) => [data.seq, id]))
    for (const { id, data } of chat.calls) expect(ids.get(data.seq)).toBe(id)
    expect(fault).toBeGreaterThan(faults.length)
  })

  it('to a sink that is away hold up no other, and wait for it in the log for an hour', async () => {
    await using env = await NotificationEnv.open(kind, 'chat', 'mail')
    const [chat, mail] = [env.receiver('chat'), env.receiver('mail')]
    const start = Date.now()
    const clock = { now: start }
    chat.goDown()
    const awayBackoff = { firstMs: 1_000, maxMs: 30_000 }
    const instance = await env.dispatch({ options: { awayBackoff }, now: () => clock.now })
    for (const [at, alice] of newUsers(8).entries()) {
      const bob = newUser()
      await env.act(alice, 'request', bob)
      await env.act(bob, 'accept', alice)
      await env.change(alice, { privateMessages: 'only_friends' })
      const before = chat.connections
      await until(() => {
        clock.now += 5_000
        return clock.now >= start + (at + 1) * 7.5 * MINUTE_MS && chat.connections > before
      }, 'it is tried again and again')
    }
    await env.settled('mail')
    expect(mail.received).toHaveLength(24)
    expect(mail.byPair()).toEqual(await env.expected())
    // At most as often as the jitter allows, and at the start by the deliveries that found out.
    expect(chat.connections).toBeLessThan((clock.now - start) / 15_000 + 2 * QUICK.lanes)
    expect(chat.calls).toEqual([])
    const gauge = (name: string, sink: string) =>
      instance.counted(`social_notifications_${name}{sink="webhook-${sink}"}`)
    expect([await gauge('paused', 'chat'), await gauge('paused', 'mail')]).toEqual([1, 0])
    expect([await gauge('depth', 'chat'), await gauge('depth', 'mail')]).toEqual([24, 0])
    expect(await gauge('oldest_age_seconds', 'chat')).toBeGreaterThan(3_590)
    chat.comeBack()
    // Those that found it away come after others, by the clock of the database, which nobody has moved.
    await env.stores.query('update notification_outbox set available_at = 0')
    await until(async () => {
      clock.now += 1_000
      return (await env.store('chat').stats()).depth === 0
    }, 'it has everything')
    expect(chat.byPair()).toEqual(await env.expected())
    for (const outcome of ['retried', 'parked']) {
      expect(await instance.counted(`${ATTEMPTS}{sink="webhook-chat",outcome="${outcome}"}`)).toBe(0)
    }
    for (const name of ['paused', 'depth', 'oldest_age_seconds']) expect(await gauge(name, 'chat')).toBe(0)
  })
})

describe('notifications', () => {
  it('to a sink that is away stay in the log, but for those by which it is tried', async () => {
    await using env = await NotificationEnv.open(KIND, 'chat')
    const chat = env.receiver('chat')
    chat.goDown()
    // Shorter than the time between two polls, so that what found it away is not the first to try again.
    const instance = await env.dispatch({ options: { awayBackoff: { firstMs: 1, maxMs: 1 } } })
    await env.act(newUser(), 'request', newUser())
    await until(
      async () => (await instance.counted('social_notifications_paused{sink="webhook-chat"}')) === 1,
      'it is away'
    )
    for (const user of newUsers(20)) await env.act(user, 'request', newUser())
    const before = chat.connections
    await until(() => chat.connections > before + 5, 'it is tried again and again')
    const [held] = await env.stores.query<[number]>('select count(*) from notification_outbox')
    expect(held?.[0]).toBeLessThan(12)
    expect((await env.store('chat').stats()).depth).toBe(21)
    chat.comeBack()
    await env.settled('chat')
    expect(chat.byPair()).toEqual(await env.expected())
  })

  it('of which one is answered with 500 each time hold up no other', async () => {
    await using env = await NotificationEnv.open(KIND, 'chat')
    const chat = env.receiver('chat')
    const [alice, bob] = [newUser(), newUser()]
    chat.answer = ({ data }) => (data['actor'] === alice || data['target'] === alice ? 500 : 204)
    const instance = await env.dispatch()
    await env.act(alice, 'request', bob)
    await env.act(bob, 'accept', alice)
    await until(() => chat.calls.length > 2, 'it was tried')
    for (const user of newUsers(20)) await env.act(user, 'request', newUser())
    await until(() => chat.received.length === 20, 'the others are told')
    // It counts against it only because others were taken meanwhile.
    const retried = () => instance.counted(`${ATTEMPTS}{sink="webhook-chat",outcome="retried"}`)
    await until(async () => {
      await env.act(newUser(), 'request', newUser())
      return (await retried()) > 3
    }, 'it is known to be at fault')
    expect(await env.store('chat').parked(10)).toEqual([])
    chat.answer = () => 204
    await env.settled('chat')
    expect(chat.byPair()).toEqual(await env.expected())
  })

  it('come no faster than a receiver with 429 and Retry-After asks for', async () => {
    await using env = await NotificationEnv.open(KIND, 'chat', 'mail')
    const [chat, mail] = [env.receiver('chat'), env.receiver('mail')]
    const clock = { now: Date.now() }
    chat.answer = ({ call }) => (call === 0 ? { status: 429, headers: { 'retry-after': '120' } } : 204)
    await env.dispatch({ now: () => clock.now, options: { lanes: 1 } })
    const request = async (): Promise<void> => {
      for (const user of newUsers(3)) await env.act(user, 'request', newUser())
    }
    await request()
    await until(() => mail.received.length === 3 && chat.calls.length === 1, 'the other has everything')
    clock.now += 119_000
    await request()
    await until(() => mail.received.length === 6, 'the other has everything')
    expect(chat.calls).toHaveLength(1)
    clock.now += 2_000
    // The one that was refused comes later yet, by the clock of the database.
    await until(() => chat.received.length === 5, 'the others are told')
  })

  it('stop within their grace, give back what is under way, and are told with the same id', async () => {
    await using env = await NotificationEnv.open(KIND, 'chat')
    const chat = env.receiver('chat')
    chat.answer = () => 'hang'
    const first = await env.dispatch()
    await env.act(newUser(), 'request', newUser())
    await until(() => chat.calls.length === 1, 'it is under way')
    const from = performance.now()
    await first.stop(paced(500))
    expect(performance.now() - from).toBeLessThan(paced(3_000))
    expect(await first.counted(`${ATTEMPTS}{sink="webhook-chat",outcome="interrupted"}`)).toBe(1)
    chat.answer = () => 204
    // Nothing is left to a lease, which would last for a minute.
    await env.dispatch()
    await env.settled('chat')
    expect(chat.calls.map(({ id }) => id)).toEqual([chat.received[0]?.id, chat.received[0]?.id])
  })
})

describeWithPostgres('two instances', () => {
  it('share the work under load, each event once and in order of its pair', async () => {
    await using env = await NotificationEnv.open('postgres', 'chat', 'mail')
    // A slow receiver, so that there is always something under way.
    env.receiver('mail').answer = async () => {
      await new Promise(resolve => setTimeout(resolve, 5))
      return 204
    }
    const instances = [await env.dispatch(), await env.dispatchElsewhere()]
    const pairs = newUsers(24).map(alice => [alice, newUser()] as const)
    const live = async ([alice, bob]: readonly [Address, Address]): Promise<void> => {
      for (const _ of Array(2)) {
        await env.act(alice, 'request', bob)
        await env.change(alice, { privateMessages: 'only_friends' })
        await env.act(bob, 'accept', alice)
        await env.act(bob, 'block', alice)
        await env.change(alice, { privateMessages: 'all' })
        await env.act(bob, 'unblock', alice)
      }
    }
    await Promise.all(pairs.map(live))
    const expected = await env.expected()
    for (const name of ['chat', 'mail']) {
      await env.settled(name)
      expect(env.receiver(name).byPair()).toEqual(expected)
      expect(env.receiver(name).received).toHaveLength(24 * 12)
      const series = `${ATTEMPTS}{sink="webhook-${name}",outcome="done"}`
      const done = await Promise.all(instances.map(instance => instance.counted(series)))
      expect((done[0] ?? 0) + (done[1] ?? 0)).toBe(24 * 12)
      expect(Math.min(...done)).toBeGreaterThan(0)
    }
  })
})

describe('a receiver that refuses one event for good', () => {
  it('has it parked after a day of tries, and what comes after it of the pair behind it', async () => {
    await using env = await NotificationEnv.open(KIND, 'chat')
    const chat = env.receiver('chat')
    const [alice, bob] = [newUser(), newUser()]
    chat.answer = ({ data }) => (data['actor'] === alice ? 410 : 204)
    const options = { pairBackoff: { firstMs: 1, maxMs: 1 }, pollMs: 2 }
    const instance = await env.dispatch({ options })
    await env.act(alice, 'request', bob)
    await env.act(bob, 'accept', alice)
    await env.act(newUser(), 'request', newUser())
    await until(async () => (await env.store('chat').stats()).parked === 1, 'it is parked')
    expect(chat.calls.filter(({ data }) => data['actor'] === alice)).toHaveLength(300)
    expect(chat.received).toHaveLength(1)
    const error = 'The webhook answers 410'
    expect(await env.store('chat').parked(10)).toMatchObject([
      { event: { actor: alice, action: 'request' }, attempts: 300, error, waiting: 1 }
    ])
    expect(await instance.counted('social_notifications_parked{sink="webhook-chat"}')).toBe(1)
    chat.answer = () => 204
    expect(await env.store('chat').retryParked()).toBe(1)
    await env.settled('chat')
    expect(chat.byPair()).toEqual(await env.expected())
  })
})
