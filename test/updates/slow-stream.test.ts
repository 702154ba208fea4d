import { describe, expect, it } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import type { LogPage, ResumableStream } from '../../src/updates/resumable-stream.ts'
import { alice, bob, carol, ended, event, queueOf, received, start } from './streams.ts'

describe('a resumable stream for which too much waits', () => {
  /** A stream over a log, whose page has so many events. */
  function behind(log: readonly PairEvent[], pageSize = 100) {
    const reads: number[] = []
    let acknowledged = 0
    let happens = (): void => undefined
    const live = new BoundedQueue<PairEvent>({
      limit: 3,
      fold: events => stream.forget(events),
      onEnd: () => undefined
    })
    const stream: ResumableStream = start(live, {
      acknowledged: () => acknowledged,
      lowWatermark: () => log.at(-1)?.seq ?? 0,
      readLog: async (_, after) => {
        reads.push(after)
        const events = log.filter(({ seq }) => seq > after).slice(0, pageSize)
        happens()
        happens = () => undefined
        return { events, isLast: events.length < pageSize }
      }
    })
    const take = async (count: number): Promise<number[]> => {
      const seqs: number[] = []
      for (let taken = 0; taken < count; taken += 1) seqs.push((await stream.next()).value.seq)
      return seqs
    }
    return {
      live,
      stream,
      reads,
      take,
      acknowledge: (count: number) => (acknowledged = count),
      duringRead: (what: () => void) => (happens = what)
    }
  }
  const [first, ...rest] = Array.from({ length: 9 }, (_, at) => event(at + 1, at % 2 === 0 ? bob : carol)) as [
    PairEvent,
    ...PairEvent[]
  ]

  it('goes on with the last event of each pair, from the log', async () => {
    const { live, stream, reads, take, acknowledge } = behind([first, ...rest])
    live.push(first)
    expect(await take(1)).toEqual([1])
    for (const each of rest) live.push(each)
    // Its position is before the first that is not acknowledged, and then before the first that was forgotten.
    expect(stream.position()).toEqual({ floor: 0, acked: [] })
    acknowledge(1)
    expect(stream.position()).toEqual({ floor: 1, acked: [] })
    expect(await take(2)).toEqual([8, 9])
    expect(reads).toEqual([1])
    acknowledge(3)
    expect(stream.position()).toEqual({ floor: 9, acked: [] })
    live.push(event(10, bob))
    expect(await take(1)).toEqual([10])
  })

  it('does not hand over again what is on its way, nor what followed by nothing was acknowledged', async () => {
    const { live, take, acknowledge } = behind([first, ...rest])
    for (const each of [first, ...rest].slice(0, 2)) live.push(each)
    expect(await take(2)).toEqual([1, 2])
    acknowledge(1)
    for (const each of rest.slice(1)) live.push(each)
    expect(await take(2)).toEqual([8, 9])
  })

  it('reads a long log in parts, each when the one before is handed over, and loses nothing that comes meanwhile', async () => {
    const log = [first, ...rest]
    const { live, reads, take } = behind(log, 3)
    for (const each of log) live.push(each)
    expect(await take(2)).toEqual([2, 3])
    const late = event(10, alice)
    log.push(late)
    live.push(late)
    expect(await take(5)).toEqual([5, 6, 8, 9, 10])
    expect(reads).toEqual([0, 3, 6, 9])
  })

  it('loses nothing that could not be read, and came while the log was read', async () => {
    const log = [first, ...rest].filter(({ seq }) => seq !== 2)
    const { live, take, duringRead } = behind(log, 3)
    for (const each of log) live.push(each)
    // Its transaction ends only now, though its number is a lower one.
    duringRead(() => {
      const late = event(2, alice)
      log.splice(1, 0, late)
      live.push(late)
    })
    expect(await take(2)).toEqual([3, 4])
    expect(await take(5)).toEqual([2, 6, 7, 8, 9])
  })

  it('reads again from before what came meanwhile with a lower number', async () => {
    const reads: number[] = []
    const live = new BoundedQueue<PairEvent>({
      limit: 2,
      fold: events => stream.forget(events),
      onEnd: () => undefined
    })
    const readLog = async (_: unknown, after: number): Promise<LogPage> => {
      reads.push(after)
      return { events: [event(5, carol), event(8, bob)], isLast: true }
    }
    const stream: ResumableStream = start(live, { readLog, lowWatermark: () => 4 })
    for (const seq of [6, 7, 8, 5]) live.push(event(seq, seq === 5 ? carol : bob))
    live.end()
    expect([await received(stream), reads]).toEqual([[5, 8], [4]])
  })

  it('keeps its position while it reads, and ends with what ends the reading', async () => {
    let stop: (error: Error) => void = () => undefined
    const live = new BoundedQueue<PairEvent>({
      limit: 1,
      fold: events => stream.forget(events),
      onEnd: () => undefined
    })
    const readLog = () => new Promise<LogPage>((_, reject) => (stop = reject))
    const stream: ResumableStream = start(live, { readLog })
    for (const seq of [5, 6]) live.push(event(seq, bob))
    const next = stream.next()
    await Promise.resolve()
    expect(stream.position()).toEqual({ floor: 4, acked: [] })
    stop(new Error('The database is away'))
    await expect(next).rejects.toThrow('The database is away')
  })
})

describe('a resumable stream that takes the place of an older one', () => {
  it('begins with what was not acknowledged there, then what waits, and leaves nothing', async () => {
    let acknowledged = 0
    const live = queueOf(event(13, bob), event(14, carol))
    const older = start(live, { acknowledged: () => acknowledged, lowWatermark: () => 14 })
    older.resume({ floor: 10, acked: [] }, [event(11, bob), event(12, carol)])
    await older.next()
    await older.next()
    await older.next()
    acknowledged = 1
    const newer = start(queueOf(), { lowWatermark: () => 14 })
    newer.takeOver(older)
    expect(await older.next()).toEqual({ done: true, value: undefined })
    expect(newer.position()).toEqual({ floor: 11, acked: [] })
    expect(
      await Promise.all([newer.next(), newer.next(), newer.next()].map(async each => (await each).value.seq))
    ).toEqual([12, 13, 14])
  })

  it('takes an event that was just taken there, and not handed over', async () => {
    const live = queueOf()
    const older = start(live)
    const next = older.next()
    const newer = start(queueOf())
    await Promise.resolve()
    live.push(event(11, bob))
    newer.takeOver(older)
    expect(await next).toEqual({ done: true, value: undefined })
    expect((await newer.next()).value.seq).toBe(11)
  })

  it('reads from the log what is being read there, or was to be', async () => {
    for (const isReading of [false, true]) {
      const older = start(queueOf(), { readLog: () => new Promise(() => undefined) })
      older.forget([event(11, bob)])
      if (isReading) void older.next()
      const reads: number[] = []
      const newer = start(ended(), {
        readLog: async (_, after) => {
          reads.push(after)
          return { events: [event(11, bob)], isLast: true }
        }
      })
      newer.takeOver(older)
      expect([await received(newer), reads]).toEqual([[11], [10]])
    }
  })
})
