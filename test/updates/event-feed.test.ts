import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PairEvent, SessionsEnded, SocialEvent } from '../../src/domain/events.ts'
import { Database } from '../../src/storage/db/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { describeWithPostgres, LIMITS, silent } from '../env/databases.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { TcpProxy } from '../faults/tcp-proxy.ts'
import { newUser, Stores } from '../storage/stores.ts'
import { followed, followedUser, Instance, NEVER_MS, TestChannel } from './feed-instance.ts'

describeWithPostgres('an event feed', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres', { poolSize: 10 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const request = async () => (await stores.act(newUser(), 'request', followedUser(), { message: 'hi' })) as PairEvent
  const reaches = (instance: Instance, seq: number) =>
    until(() => instance.feed.lowWatermark === seq, `the low watermark is ${seq}`)

  test('delivers to every instance everything that is committed from its start on, in order', async () => {
    await request()
    await using one = await Instance.start(stores.log)
    const [alice, bob] = [newUser(), followedUser()]
    const first = await stores.act(alice, 'request', bob, { message: 'a\0b' })
    await one.receives(first)
    await using two = await Instance.start(stores.log)
    const more = [await stores.act(bob, 'accept', alice), await stores.act(alice, 'block', bob), await request()]
    await one.receives(...more)
    await two.receives(...more)
    await reaches(one, more.at(-1)?.seq ?? 0)
  })

  test('delivers an event whose transaction ends after a later number was delivered', async () => {
    await using instance = await Instance.start(stores.log)
    await using slow = await stores.hold()
    const late = await slow.act(newUser(), 'request', followedUser())
    const early = await request()
    await instance.receives(early)
    for (let i = 0; i < 5; i++) await instance.receives(await request())
    expect(instance.feed.lowWatermark).toBe(late.seq - 1)
    await slow.end('commit')
    await instance.receives(late)
    await reaches(instance, late.seq + 6)
  })

  test('delivers it too when that transaction has a higher id than all that have ended', async () => {
    await using instance = await Instance.start(stores.log)
    await using first = await stores.hold()
    await using second = await stores.hold()
    await first.identify()
    const late = await second.act(newUser(), 'request', followedUser())
    const early = await first.act(newUser(), 'request', followedUser())
    expect(late.seq).toBeLessThan(early.seq)
    await first.end('commit')
    await instance.receives(early)
    await second.end('commit')
    await instance.receives(late)
    await reaches(instance, early.seq)
  })

  test('gives up a number that was rolled back, as soon as nobody can have it', async () => {
    await using instance = await Instance.start(stores.log)
    await using bystander = await stores.hold()
    await bystander.identify()
    await using undone = await stores.hold()
    const never = await undone.act(newUser(), 'request', followedUser())
    const next = await request()
    await undone.end('rollback')
    await instance.receives(next)
    await instance.receives(await request())
    expect(instance.feed.lowWatermark).toBe(never.seq - 1)
    await bystander.end('rollback')
    await reaches(instance, never.seq + 2)
    expect(instance.received).toEqual([])
  })

  test('delivers an event whose transaction began before the instance, and nothing else of that time', async () => {
    await using slow = await stores.hold()
    const late = await slow.act(newUser(), 'request', followedUser())
    await request()
    await using instance = await Instance.start(stores.log)
    await slow.end('commit')
    await instance.receives(late)
    await instance.receives(await request())
  })

  test('delivers more than one read of the log can hold, in order', async () => {
    await using instance = await Instance.start(stores.log)
    const events = `insert into pair_event (seq, lo, hi, action, previous, actor_is_lo, acted_at)
      select nextval('pair_event_seq'), $1, $2, 1, 0, true, 0
      from generate_series(1, 12000) returning seq`
    const rows = await stores.query<[number]>(events, [newUser(), followedUser()])
    await until(() => instance.received.length >= 12_000, 'all are received')
    expect(instance.seqs).toEqual(rows.map(([seq]) => seq))
  })

  test('goes on after a listener that throws, and with the other listeners', async () => {
    await using instance = await Instance.start(stores.log)
    const after: SocialEvent[] = []
    instance.feed.subscribe(() => {
      throw new Error('A listener failed')
    })
    const leave = instance.feed.subscribe(event => after.push(event))
    const events = [await request(), await request()]
    await instance.receives(...events)
    expect(after).toEqual(events)
    leave()
    await instance.receives(await request())
    expect(after).toEqual(events)
    expect(instance.errors.map(([where]) => where)).toEqual(['listener', 'listener', 'listener'])
  })

  test('delivers everything once when the log was away for a while', async () => {
    await using proxy = await TcpProxy.start(stores.url)
    const away = await Database.open({ ...LIMITS, connectTimeoutMs: paced(100), url: proxy.url }, silent)
    try {
      await using instance = await Instance.start(new EventLog(away))
      const before = await request()
      await instance.receives(before)
      proxy.refuse()
      const meanwhile = [await request(), await request()]
      await until(() => proxy.refused >= 3, 'the log was looked for again and again')
      // Reported once, or it would be several times a second.
      expect(instance.errors.map(([where]) => where)).toEqual(['log'])
      expect(instance.received).toEqual([])
      proxy.accept()
      await instance.receives(...meanwhile)
      await instance.receives(await request())
    } finally {
      await away.close()
    }
  })

  test('tells what is committed here at once, and sends it to those who follow one of the two', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { sweepMs: NEVER_MS, channel })
    const [alice, bob] = [newUser(), followedUser()]
    const event = (await stores.act(alice, 'request', bob)) as PairEvent
    let commits = 0
    instance.feed.onCommit(() => {
      commits += 1
    })
    instance.feed.publish(event, 0)
    expect(instance.received).toEqual([event])
    expect(channel.sentTo).toEqual([{ users: [bob, alice], message: { kind: 'pair-event', event, after: 0 } }])
    expect([commits, channel.sent]).toEqual([1, []])
    // What concerns nobody here is sent all the same.
    const other = (await stores.act(newUser(), 'request', newUser())) as PairEvent
    instance.feed.publish(other, 0)
    expect(channel.sentTo[1]?.message).toEqual({ kind: 'pair-event', event: other, after: 0 })
    expect([commits, instance.received]).toEqual([2, [event]])
  })

  test('tells once what came by its commit or by messages, also when the log is swept', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { channel, sweepMs: NEVER_MS })
    const [here, there] = [await request(), await request()]
    instance.feed.publish(here, 0)
    for (let times = 0; times < 3; times += 1) channel.receive({ kind: 'pair-event', event: there, after: 0 })
    await instance.receives(here, there)
    channel.receive({ kind: 'messages-lost' })
    await reaches(instance, there.seq)
    channel.receive({ kind: 'pair-event', event: here, after: 0 })
    expect(instance.received).toEqual([{ kind: 'messages-lost' }])
  })

  test('has an event of a message wait for the one before it of the pair, which the log then brings', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { channel, sweepMs: NEVER_MS })
    const [alice, bob] = [newUser(), followedUser()]
    const events: PairEvent[] = []
    for (const action of ['request', 'cancel', 'request', 'cancel'] as const) {
      events.push((await stores.act(alice, action, bob)) as PairEvent)
    }
    const [first, second, third, fourth] = events as [PairEvent, PairEvent, PairEvent, PairEvent]
    channel.receive({ kind: 'pair-event', event: second, after: first.seq })
    channel.receive({ kind: 'pair-event', event: fourth, after: third.seq })
    channel.receive({ kind: 'pair-event', event: first, after: 0 })
    expect(instance.received).toEqual([first, second])
    await instance.receives(...events)
  })

  test('finds in the log what was committed before a user who is followed was heard', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { channel, sweepMs: NEVER_MS })
    const alice = newUser()
    const stop = instance.feed.follow(alice)
    const [leave, heard] = [instance.feed.follow(alice), channel.heard.get(alice)]
    const event = (await stores.act(alice, 'request', newUser())) as PairEvent
    heard?.()
    await instance.receives(event)
    leave()
    leave()
    expect(channel.heard.has(alice)).toBe(true)
    stop()
    expect(channel.heard.has(alice)).toBe(false)
    expect(channel.heard.size).toBe(followed.length)
  })

  test('reads in full only what concerns those who are followed and was not told', async () => {
    const channel = new TestChannel()
    const read: number[] = []
    const log = {
      latest: () => stores.log.latest(),
      horizon: () => stores.log.horizon(),
      sweep: (...args: Parameters<EventLog['sweep']>) => stores.log.sweep(...args),
      findAll: (seqs: readonly number[]) => {
        read.push(...seqs)
        return stores.log.findAll(seqs)
      }
    }
    await using instance = await Instance.start(log, { channel, sweepMs: NEVER_MS })
    const [told, lost] = [await request(), await request()]
    const other = (await stores.act(newUser(), 'request', newUser())) as PairEvent
    channel.receive({ kind: 'pair-event', event: told, after: 0 })
    channel.receive({ kind: 'messages-lost' })
    await reaches(instance, other.seq)
    expect(read).toEqual([lost.seq])
    await instance.receives(told, { kind: 'messages-lost' }, lost)
  })

  test('delivers what is in no log at once, here and elsewhere', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { sweepMs: NEVER_MS, channel })
    const ended: SessionsEnded = { kind: 'sessions-ended', address: newUser(), tokenHashes: ['00'] }
    instance.feed.publish(ended)
    channel.receive(ended)
    expect(instance.received).toEqual([ended, ended])
    expect(channel.sent).toEqual([ended])
  })

  test('is silent when it is closed, also when that happens during a read', async () => {
    const channel = new TestChannel()
    const instance = await Instance.start(stores.log, { channel })
    instance.feed.publish(await request())
    channel.receive({ kind: 'messages-lost' })
    await instance.feed.close()
    const received = instance.received.length
    instance.feed.publish(await request())
    channel.receive({ kind: 'messages-lost' })
    // When another instance has delivered it, the closed one would have, too.
    await using other = await Instance.start(stores.log)
    await other.receives(await request())
    expect(instance.received).toHaveLength(received)
    expect(instance.errors).toEqual([])
  })
})
