import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Channel, ChannelListener } from '../../src/cluster/channel.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { EventFeed } from '../../src/updates/event-feed.ts'
import type { LogView } from '../../src/updates/log-cursor.ts'

const [alice, bob] = ['a', 'b'].map(digit => `0x${digit.repeat(40)}` as Address) as [Address, Address]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A log in memory, and the channel by which other instances say that they wrote to it. */
class World implements Channel {
  readonly isConnected = true
  readonly listeners = new Set<ChannelListener>()
  /** The numbers after which the log was read. */
  readonly reads: number[] = []
  /** What happens while the feed waits for the latest number, or for its first read. */
  during: { latest?: () => void; read?: () => void } = {}
  #latest: number

  constructor(latest: number) {
    this.#latest = latest
  }

  open(): Promise<EventFeed> {
    const onError = (error: unknown): never => {
      throw error
    }
    return EventFeed.open({ log: this, channel: this, sweepMs: 3_600_000, onError })
  }

  /** Another instance writes an event; that it sends is lost, which is noticed. */
  write(): void {
    this.#latest += 1
    for (const listener of this.listeners) listener({ kind: 'messages-lost' })
  }

  async latest(): Promise<number> {
    const latest = this.#latest
    this.during.latest?.()
    await vi.advanceTimersByTimeAsync(100)
    return latest
  }

  async horizon(): Promise<number> {
    return 0
  }

  async sweep(
    seq: number,
    _: unknown,
    __: number,
    withUsers: boolean
  ): Promise<LogView<{ seq: number; lo?: Address; hi?: Address }>> {
    this.reads.push(seq)
    const seqs = Array.from({ length: this.#latest - seq }, (_, index) => seq + index + 1).slice(0, 5000)
    const { read } = this.during
    this.during = {}
    read?.()
    if (read) await vi.advanceTimersByTimeAsync(100)
    return {
      events: seqs.map(seq => (withUsers ? { seq, lo: alice, hi: bob } : { seq })),
      oldestRunning: 1,
      nextTransaction: 1
    }
  }

  async findAll(seqs: readonly number[]): Promise<PairEvent[]> {
    return seqs.map(eventOf)
  }

  send(): void {}

  sendTo(): void {}

  sendToInstance(): void {}

  listen(): () => void {
    return () => undefined
  }

  subscribe(listener: ChannelListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async close(): Promise<void> {}
}

const eventOf = (seq: number): PairEvent => ({
  kind: 'pair',
  seq,
  actor: alice,
  target: bob,
  action: 'request',
  previous: 'none',
  previousActor: null,
  message: null,
  at: seq
})

describe('an event feed that starts', () => {
  it('reads nothing before it knows where the log ends, whatever is lost meanwhile', async () => {
    const world = new World(5000)
    world.during.latest = () => world.write()
    const feed = await world.open()
    await vi.advanceTimersByTimeAsync(100)
    expect(Math.min(...world.reads)).toBe(4000)
    await feed.close()
  })

  it('does not miss what is written while it reads for the first time', async () => {
    const world = new World(500)
    world.during.read = () => world.write()
    const feed = await world.open()
    feed.follow(bob)
    const seqs: number[] = []
    feed.subscribe(event => {
      if (event.kind === 'pair') seqs.push(event.seq)
    })
    await vi.advanceTimersByTimeAsync(100)
    expect(seqs).toEqual([501])
    await feed.close()
  })

  it('does not miss what is written while it sweeps, when the first user is followed meanwhile', async () => {
    const world = new World(500)
    const feed = await world.open()
    const seqs: number[] = []
    feed.subscribe(event => {
      if (event.kind === 'pair') seqs.push(event.seq)
    })
    world.during.read = () => {
      feed.follow(bob)
      world.write()
    }
    world.write()
    await vi.advanceTimersByTimeAsync(1000)
    expect(seqs).toEqual([501, 502])
    await feed.close()
  })
})
