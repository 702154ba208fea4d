import { expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
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

function start(acknowledged = 0): ResumableStream {
  const live = new BoundedQueue<PairEvent>(10, () => undefined)
  live.end()
  return new ResumableStream(
    live,
    () => true,
    () => acknowledged
  )
}

async function told(delivery: ResumableStream): Promise<number[]> {
  const seqs: number[] = []
  for await (const seq of delivery.run(async ({ seq }) => seq)) seqs.push(seq)
  return seqs
}

it('of each pair the last is told, and nothing of a pair whose last was taken', async () => {
  const delivery = start()
  delivery.resume({ floor: 10, acked: [13] }, [event(11, bob), event(12, carol), event(13, bob), event(14, carol)])
  expect(await told(delivery)).toEqual([14])
})

it('a device that goes on at an instance which has seen less of the log has not taken less', async () => {
  const delivery = start()
  delivery.resume({ floor: 100, acked: [] }, [])
  expect(delivery.position(90)).toEqual({ floor: 100, acked: [] })
  expect(delivery.position(120)).toEqual({ floor: 120, acked: [] })
})

it('what was not acknowledged holds the floor', async () => {
  const delivery = start(1)
  delivery.resume({ floor: 10, acked: [] }, [event(11, bob), event(12, carol)])
  expect(await told(delivery)).toEqual([11, 12])
  expect(delivery.position(20)).toEqual({ floor: 11, acked: [] })
})

it('what an instance tells late, that the device took elsewhere, is not told again', async () => {
  const live = new BoundedQueue<PairEvent>(10, () => undefined)
  for (const seq of [99, 100, 101]) live.push(event(seq, bob))
  live.end()
  const delivery = new ResumableStream(
    live,
    () => true,
    () => 0
  )
  delivery.resume({ floor: 100, acked: [] }, [])
  expect(await told(delivery)).toEqual([101])
})

it('is idle until there is something to take, and again when that was taken and told', async () => {
  const live = new BoundedQueue<PairEvent>(10, () => undefined)
  let [acknowledged, activities] = [0, 0]
  const delivery = new ResumableStream(
    live,
    ({ actor }) => actor === bob,
    () => acknowledged,
    () => activities++
  )
  const elements = delivery.run(async ({ seq }) => seq)
  expect([delivery.isIdle, activities]).toEqual([true, 0])
  live.push(event(1, bob))
  await elements.next()
  expect([delivery.isIdle, activities]).toEqual([false, 1])
  acknowledged = 1
  delivery.position(1)
  expect([delivery.isIdle, activities]).toEqual([true, 1])
  // Of which it is not told: it is taken at once.
  live.push(event(2, carol))
  live.end()
  await elements.next()
  expect([delivery.isIdle, activities]).toEqual([false, 2])
  delivery.position(2)
  expect(delivery.isIdle).toBe(true)
})
