import { describe, expect, it } from 'vitest'
import type { Position } from '../../src/storage/saved-positions.ts'
import type { ResumableStream } from '../../src/updates/resumable-stream.ts'
import { bob, carol, ended, event, queueOf, received, start } from './streams.ts'

describe('a resumable stream', () => {
  it('brings of each pair the last event, and nothing of a pair whose last was acknowledged', async () => {
    const stream = start(ended())
    stream.resume({ floor: 10, acked: [13] }, [event(11, bob), event(12, carol), event(13, bob), event(14, carol)])
    expect(await received(stream)).toEqual([14])
  })

  it('does not go back at an instance that has read less of the log', () => {
    let lowWatermark = 90
    const stream = start(ended(), { lowWatermark: () => lowWatermark })
    stream.resume({ floor: 100, acked: [] }, [])
    expect(stream.position()).toEqual({ floor: 100, acked: [] })
    lowWatermark = 120
    expect(stream.position()).toEqual({ floor: 120, acked: [] })
  })

  it('stays before the first event that is not acknowledged', async () => {
    const stream = start(ended(), { acknowledged: () => 1 })
    stream.resume({ floor: 10, acked: [] }, [event(11, bob), event(12, carol)])
    expect(await received(stream)).toEqual([11, 12])
    expect(stream.position()).toEqual({ floor: 11, acked: [] })
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
    const stream = start(live, { ended: async stream => void positions.push(stream.position()) })
    await stream.next()
    await stream.return()
    expect(positions).toEqual([{ floor: 8, acked: [] }])
    expect(await live.next()).toEqual({ done: true, value: undefined })
  })

  it('ends when its live events fail, and says why', async () => {
    const [live, ends] = [queueOf(), [] as ResumableStream[]]
    live.end(new Error('Too slow'))
    const stream = start(live, { ended: async stream => void ends.push(stream) })
    await expect(stream.next()).rejects.toThrow('Too slow')
    expect(ends).toEqual([stream])
  })

  it('is idle until there is something to acknowledge, and again when that is acknowledged and saved', async () => {
    const live = queueOf()
    let [acknowledged, activities] = [0, 0]
    const stream = start(live, {
      isRelevant: ({ actor }) => actor === bob,
      acknowledged: () => acknowledged,
      lowWatermark: () => acknowledged,
      activated: () => activities++
    })
    expect([stream.isIdle, activities]).toEqual([true, 0])
    live.push(event(1, bob))
    await stream.next()
    expect([stream.isIdle, activities]).toEqual([false, 1])
    acknowledged = 1
    stream.position()
    expect([stream.isIdle, activities]).toEqual([true, 1])
    // The device does not see this one: it counts as acknowledged at once.
    live.push(event(2, carol))
    live.end()
    await stream.next()
    expect([stream.isIdle, activities]).toEqual([false, 2])
    stream.position()
    expect(stream.isIdle).toBe(true)
  })
})
