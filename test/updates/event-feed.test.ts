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

/** A bus, and what it told. */
class Instance implements AsyncDisposable {
  readonly bus: EventFeed
  readonly told: SocialEvent[] = []
  readonly errors: [where: string, error: unknown][]

  private constructor(bus: EventFeed, errors: [string, unknown][]) {
    this.bus = bus
    this.errors = errors
    bus.subscribe(event => this.told.push(event))
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
    return this.told.flatMap(event => (event.kind === 'pair' ? [event.seq] : []))
  }

  async hears(...events: (PairEvent | null)[]): Promise<void> {
    await until(() => this.told.length >= events.length, `${events.length} events are told`)
    expect(this.told.splice(0)).toEqual(events)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bus.close()
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

  subscribe(listener: ChannelListener): () => void {
    this.receive = listener
    return () => {
      this.receive = () => undefined
    }
  }

  async close(): Promise<void> {}
}

describeWithPostgres('The bus over the log', () => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open('postgres', { poolSize: 10 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const request = () => stores.act(newUser(), 'request', newUser(), { message: 'hi' })
  const settles = (instance: Instance, seq: number) =>
    until(() => instance.bus.lowWatermark === seq, `the log is settled up to ${seq}`)

  test('tells every instance everything that is committed from its start on, in order', async () => {
    await request()
    await using one = await Instance.start(stores.log)
    const [alice, bob] = [newUser(), newUser()]
    const first = await stores.act(alice, 'request', bob, { message: 'a\0b' })
    await one.hears(first)
    await using two = await Instance.start(stores.log)
    const more = [await stores.act(bob, 'accept', alice), await stores.act(alice, 'block', bob), await request()]
    await one.hears(...more)
    await two.hears(...more)
    await settles(one, more.at(-1)?.seq ?? 0)
  })

  test('tells an event whose transaction ends after a later number was told', async () => {
    await using instance = await Instance.start(stores.log)
    await using slow = await stores.hold()
    const late = await slow.act(newUser(), 'request', newUser())
    const early = await request()
    await instance.hears(early)
    for (let i = 0; i < 5; i++) await instance.hears(await request())
    expect(instance.bus.lowWatermark).toBe(late.seq - 1)
    await slow.end('commit')
    await instance.hears(late)
    await settles(instance, late.seq + 6)
  })

  test('tells it too when that transaction has a higher id than all that have ended', async () => {
    await using instance = await Instance.start(stores.log)
    await using first = await stores.hold()
    await using second = await stores.hold()
    await first.identify()
    const late = await second.act(newUser(), 'request', newUser())
    const early = await first.act(newUser(), 'request', newUser())
    expect(late.seq).toBeLessThan(early.seq)
    await first.end('commit')
    await instance.hears(early)
    await second.end('commit')
    await instance.hears(late)
    await settles(instance, early.seq)
  })

  test('gives up a number that was rolled back, as soon as nobody can have it', async () => {
    await using instance = await Instance.start(stores.log)
    await using bystander = await stores.hold()
    await bystander.identify()
    await using undone = await stores.hold()
    const never = await undone.act(newUser(), 'request', newUser())
    const next = await request()
    await undone.end('rollback')
    await instance.hears(next)
    await instance.hears(await request())
    expect(instance.bus.lowWatermark).toBe(never.seq - 1)
    await bystander.end('rollback')
    await settles(instance, never.seq + 2)
    expect(instance.told).toEqual([])
  })

  test('tells an event whose transaction began before the instance, and nothing else of that time', async () => {
    await using slow = await stores.hold()
    const late = await slow.act(newUser(), 'request', newUser())
    await request()
    await using instance = await Instance.start(stores.log)
    await slow.end('commit')
    await instance.hears(late)
    await instance.hears(await request())
  })

  test('tells more than one read of the log can hold, in order', async () => {
    await using instance = await Instance.start(stores.log)
    const events = `insert into pair_event select nextval('pair_event_seq'), $1, $2, 1, 0, true, 0, null
      from generate_series(1, 2500) returning seq`
    const rows = await stores.query<[number]>(events, [newUser(), newUser()])
    await until(() => instance.told.length >= 2500, 'all are told')
    expect(instance.seqs).toEqual(rows.map(([seq]) => seq))
  })

  test('goes on after a listener that throws, and with the other listeners', async () => {
    await using instance = await Instance.start(stores.log)
    const after: SocialEvent[] = []
    instance.bus.subscribe(() => {
      throw new Error('A listener failed')
    })
    const leave = instance.bus.subscribe(event => after.push(event))
    const events = [await request(), await request()]
    await instance.hears(...events)
    expect(after).toEqual(events)
    leave()
    await instance.hears(await request())
    expect(after).toEqual(events)
    expect(instance.errors.map(([where]) => where)).toEqual(['listener', 'listener', 'listener'])
  })

  test('tells everything once when the log was away for a while', async () => {
    await using proxy = await TcpProxy.start(stores.url)
    const away = await Database.open({ ...LIMITS, connectTimeoutMs: 100, url: proxy.url }, silent)
    try {
      await using instance = await Instance.start(new EventLog(away))
      const before = await request()
      await instance.hears(before)
      proxy.refuse()
      const meanwhile = [await request(), await request()]
      await until(() => proxy.refused >= 3, 'the log was looked for again and again')
      // It is said once, or it would be said several times a second.
      expect(instance.errors.map(([where]) => where)).toEqual(['log'])
      expect(instance.told).toEqual([])
      proxy.accept()
      await instance.hears(...meanwhile)
      await instance.hears(await request())
    } finally {
      await away.close()
    }
  })

  test('looks at once when something is published here or elsewhere, or something may have been missed', async () => {
    const [here, there] = [new TestChannel(), new TestChannel()]
    await using one = await Instance.start(stores.log, { pollMs: NEVER_MS, channel: here })
    await using two = await Instance.start(stores.log, { pollMs: NEVER_MS, channel: there })
    const event = await request()
    one.bus.publish(event!)
    await one.hears(event)
    expect(here.sent).toEqual([{ kind: 'wake' }])
    there.receive({ kind: 'wake' })
    await two.hears(event)
    const another = await request()
    there.receive({ kind: 'messages-lost' })
    await two.hears({ kind: 'messages-lost' } as never, another)
    expect(one.told).toEqual([])
  })

  test('tells what is in no log at once, here and elsewhere', async () => {
    const channel = new TestChannel()
    await using instance = await Instance.start(stores.log, { pollMs: NEVER_MS, channel })
    const ended: SessionsEnded = { kind: 'sessions-ended', address: newUser(), tokenHashes: ['00'] }
    instance.bus.publish(ended)
    channel.receive(ended)
    expect(instance.told).toEqual([ended, ended])
    expect(channel.sent).toEqual([ended])
  })

  test('is silent when it is closed, also when that happens during a read', async () => {
    const channel = new TestChannel()
    const instance = await Instance.start(stores.log, { channel })
    instance.bus.publish((await request())!)
    channel.receive({ kind: 'wake' })
    await instance.bus.close()
    const told = instance.told.length
    instance.bus.publish((await request())!)
    channel.receive({ kind: 'wake' })
    // When another instance has told it, the closed one would have, too.
    await using other = await Instance.start(stores.log)
    await other.hears(await request())
    expect(instance.told).toHaveLength(told)
    expect(instance.errors).toEqual([])
  })
})
