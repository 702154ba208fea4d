import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import type { Position } from '../../src/storage/saved-positions.ts'
import { ResumableStream } from '../../src/updates/resumable-stream.ts'

const [alice, bob, carol] = ['a', 'b', 'c'].map(digit => `0x${digit.repeat(40)}` as Address) as [
  Address,
  Address,
  Address
]

const event = (seq: number, actor: Address): PairEvent => ({
  kind: 'pair',
  seq,
  actor,
  target: alice,
  action: 'request',
  previous: 'none',
  previousActor: null,
  message: null,
  at: seq
})

const queueOf = (...events: PairEvent[]): BoundedQueue<PairEvent> => {
  const live = new BoundedQueue<PairEvent>(10, () => undefined)
  for (const event of events) live.push(event)
  return live
}

const ended = (...events: PairEvent[]): BoundedQueue<PairEvent> => {
  const live = queueOf(...events)
  live.end()
  return live
}

function start(live: BoundedQueue<PairEvent>, deps: Partial<ConstructorParameters<typeof ResumableStream>[0]> = {}) {
  return new ResumableStream({
    live,
    isRelevant: () => true,
    acknowledged: () => 0,
    onActive: () => undefined,
    onEnd: async () => undefined,
    ...deps
  })
}

async function received(stream: ResumableStream): Promise<number[]> {
  const seqs: number[] = []
  for await (const { seq } of stream) seqs.push(seq)
  return seqs
}

describe('a resumable stream', () => {
  it('brings of each pair the last event, and nothing of a pair whose last was acknowledged', async () => {
    const stream = start(ended())
    stream.resume({ floor: 10, acked: [13] }, [event(11, bob), event(12, carol), event(13, bob), event(14, carol)])
    expect(await received(stream)).toEqual([14])
  })

  it('does not go back at an instance that has read less of the log', () => {
    const stream = start(ended())
    stream.resume({ floor: 100, acked: [] }, [])
    expect(stream.position(90)).toEqual({ floor: 100, acked: [] })
    expect(stream.position(120)).toEqual({ floor: 120, acked: [] })
  })

  it('stays before the first event that is not acknowledged', async () => {
    const stream = start(ended(), { acknowledged: () => 1 })
    stream.resume({ floor: 10, acked: [] }, [event(11, bob), event(12, carol)])
    expect(await received(stream)).toEqual([11, 12])
    expect(stream.position(20)).toEqual({ floor: 11, acked: [] })
  })

  it('does not bring what the device acknowledged at an instance that was faster', async () => {
    const stream = start(ended(...[99, 100, 101].map(seq => event(seq, bob))))
    stream.resume({ floor: 100, acked: [] }, [])
    expect(await received(stream)).toEqual([101])
  })

  it('shows what waits behind an event, missed and live', async () => {
    const stream = start(queueOf(event(13, bob), event(14, carol)))
    stream.resume({ floor: 10, acked: [] }, [event(11, bob), event(12, carol)])
    await stream.next()
    expect(stream.waiting.map(({ seq }) => seq)).toEqual([12, 13, 14])
  })

  it('takes its position before it drops what waits, and only then ends the live events', async () => {
    const positions: Position[] = []
    const live = queueOf(event(10, bob), event(9, carol))
    const stream = start(live, { onEnd: async stream => void positions.push(stream.position(20)) })
    await stream.next()
    await stream.return()
    expect(positions).toEqual([{ floor: 8, acked: [] }])
    expect(await live.next()).toEqual({ done: true, value: undefined })
  })

  it('ends when its live events fail, and says why', async () => {
    const [live, ends] = [queueOf(), [] as ResumableStream[]]
    live.end(new Error('Too slow'))
    const stream = start(live, { onEnd: async stream => void ends.push(stream) })
    await expect(stream.next()).rejects.toThrow('Too slow')
    expect(ends).toEqual([stream])
  })

  it('is idle until there is something to acknowledge, and again when that is acknowledged and saved', async () => {
    const live = queueOf()
    let [acknowledged, activities] = [0, 0]
    const stream = start(live, {
      isRelevant: ({ actor }) => actor === bob,
      acknowledged: () => acknowledged,
      onActive: () => activities++
    })
    expect([stream.isIdle, activities]).toEqual([true, 0])
    live.push(event(1, bob))
    await stream.next()
    expect([stream.isIdle, activities]).toEqual([false, 1])
    acknowledged = 1
    stream.position(1)
    expect([stream.isIdle, activities]).toEqual([true, 1])
    // The device does not see this one: it counts as acknowledged at once.
    live.push(event(2, carol))
    live.end()
    await stream.next()
    expect([stream.isIdle, activities]).toEqual([false, 2])
    stream.position(2)
    expect(stream.isIdle).toBe(true)
  })
})
