import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Channel, type ChannelListener, type ChannelMessage, SilentChannel } from '../../src/cluster/channel.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../../src/domain/events.ts'
import { Database } from '../../src/storage/db/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { EventFeed } from '../../src/updates/event-feed.ts'
import { describeWithPostgres, LIMITS, silent } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { TcpProxy } from '../faults/tcp-proxy.ts'
import { newUser, Stores } from '../storage/stores.ts'

const NEVER_MS = 3_600_000

/** The feed of one instance, and what it delivered. */
class Instance implements AsyncDisposable {
  readonly feed: EventFeed
  readonly received: SocialEvent[] = []
  readonly errors: [where: string, error: unknown][]

  private constructor(feed: EventFeed, errors: [string, unknown][]) {
    this.feed = feed
    this.errors = errors
    feed.subscribe(event => this.received.push(event))
  }

  static async start(log: EventLog, options: { pollMs?: number; channel?: Channel } = {}): Promise<Instance> {
    const errors: [string, unknown][] = []
    const onError = (error: unknown, where: string): void => {
      errors.push([where, error])
    }
    const { pollMs = 5, channel = new SilentChannel() } = options
    return new Instance(await EventFeed.open({ log, channel, pollMs, onError }), errors)
  }

  get seqs(): number[] {
    return this.received.flatMap(event => (event.kind === 'pair' ? [event.seq] : []))
  }

  async receives(...events: (PairEvent | null)[]): Promise<void> {
    await until(() => this.received.length >= events.length, `${events.length} events are received`)
    expect(this.received.splice(0)).toEqual(events)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.feed.close()
  }
}

/** A channel whose other end is the test. */
class TestChannel implements Channel {
  readonly isConnected = true
  readonly sent: ChannelMessage[] = []
  receive: ChannelListener = () => undefined

  send(message: ChannelMessage): void {
    this.sent.push(message)
  }

  sendTo(): void {}

  listen(): () => void {
    return () => undefined
  }

  subscribe(listener: ChannelListener): () => void {
    this.receive = listener
    return () => {
      this.receive = () => undefined
    }
  }

  async close(): Promise<void> {}
}

describeWithPostgres('an event feed', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres', { poolSize: 10 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const request = () => stores.act(newUser(), 'request', newUser(), { message: 'hi' })
  const reaches = (instance: Instance, seq: number) =>
    until(() => instance.feed.lowWatermark === seq, `the low watermark is ${seq}`)

  test('delivers to every instance everything that is committed from its start on, in order', async () => {
    await request()
    await using one = await Instance.start(stores.log)
    const [alice, bob] = [newUser(), newUser()]
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
    const late = await slow.act(newUser(), 'request', newUser())
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
    const late = await second.act(newUser(), 'request', newUser())
    const early = await first.act(newUser(), 'request', newUser())
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
    const never = await undone.act(newUser(), 'request', newUser())
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
    const late = await slow.act(newUser(), 'request', newUser())
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
      from generate_series(1, 2500) returning seq`
    const rows = await stores.query<[number]>(events, [newUser(), newUser()])
    await until(() => instance.received.length >= 2500, 'all are received')
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
    const away = await Database.open({ ...LIMITS, connectTimeoutMs: 100, url: proxy.url }, silent)
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

  test('reads at once when something is published here or elsewhere, or something may have been missed', async () => {
    const [here, there] = [new TestChannel(), new TestChannel()]
    await using one = await Instance.start(stores.log, { pollMs: NEVER_MS, channel: here })
    await using two = await Instance.start(stores.log, { pollMs: NEVER_MS, channel: there })
    const event = await request()
    one.feed.publish(event!)
    await one.receives(event)
    expect(here.sent).toEqual([{ kind: 'wake' }])
    there.receive({ kind: 'wake' })
    await two.receives(event)
    const another = await request()
    there.receive({ kind: 'messages-lost' })
    await two.receives({ kind: 'messages-lost' } as never, another)
    expect(one.received).toEqual([])
  })

  test('delivers what is in no log at once, here and elsewhere', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { pollMs: NEVER_MS, channel })
    const ended: SessionsEnded = { kind: 'sessions-ended', address: newUser(), tokenHashes: ['00'] }
    instance.feed.publish(ended)
    channel.receive(ended)
    expect(instance.received).toEqual([ended, ended])
    expect(channel.sent).toEqual([ended])
  })

  test('is silent when it is closed, also when that happens during a read', async () => {
    const channel = new TestChannel()
    const instance = await Instance.start(stores.log, { channel })
    instance.feed.publish((await request())!)
    channel.receive({ kind: 'wake' })
    await instance.feed.close()
    const received = instance.received.length
    instance.feed.publish((await request())!)
    channel.receive({ kind: 'wake' })
    // When another instance has delivered it, the closed one would have, too.
    await using other = await Instance.start(stores.log)
    await other.receives(await request())
    expect(instance.received).toHaveLength(received)
    expect(instance.errors).toEqual([])
  })
})
