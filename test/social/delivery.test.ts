import { expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { UpdateQueue } from '../../src/realtime/update-queue.ts'
import { Delivery } from '../../src/social/delivery.ts'

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

function start(acknowledged = 0): Delivery {
  const live = new UpdateQueue<PairEvent>(10, () => undefined)
  live.end()
  return new Delivery(
    live,
    () => true,
    () => acknowledged
  )
}

async function told(delivery: Delivery): Promise<number[]> {
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
  const live = new UpdateQueue<PairEvent>(10, () => undefined)
  for (const seq of [99, 100, 101]) live.push(event(seq, bob))
  live.end()
  const delivery = new Delivery(
    live,
    () => true,
    () => 0
  )
  delivery.resume({ floor: 100, acked: [] }, [])
  expect(await told(delivery)).toEqual([101])
})
