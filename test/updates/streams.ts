import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { BoundedQueue } from '../../src/lib/bounded-queue.ts'
import { type LogPage, ResumableStream } from '../../src/updates/resumable-stream.ts'

export const [alice, bob, carol] = ['a', 'b', 'c'].map(digit => `0x${digit.repeat(40)}` as Address) as [
  Address,
  Address,
  Address
]

export const event = (seq: number, actor: Address): PairEvent => ({
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

export const queueOf = (...events: PairEvent[]): BoundedQueue<PairEvent> => {
  const live = new BoundedQueue<PairEvent>({ limit: 10, onEnd: () => undefined })
  for (const event of events) live.push(event)
  return live
}

export const ended = (...events: PairEvent[]): BoundedQueue<PairEvent> => {
  const live = queueOf(...events)
  live.end()
  return live
}

interface Deps {
  readonly isRelevant: (event: PairEvent) => boolean
  readonly acknowledged: () => number
  readonly lowWatermark: () => number
  readonly activated: () => void
  readonly ended: (stream: ResumableStream) => Promise<void>
  readonly readLog: (device: unknown, after: number) => Promise<LogPage>
}

export function start(live: BoundedQueue<PairEvent>, deps: Partial<Deps> = {}): ResumableStream {
  const { isRelevant = () => true, acknowledged = () => 0, ...owner } = deps
  const subscriber = { address: alice, tokenHash: null, signal: new AbortController().signal }
  return new ResumableStream({ ...subscriber, isRelevant, acknowledged }, live, {
    lowWatermark: () => 20,
    readLog: async () => ({ events: [], isLast: true }),
    activated: () => undefined,
    ended: async () => undefined,
    ...owner
  })
}

export async function received(stream: ResumableStream): Promise<number[]> {
  const seqs: number[] = []
  for await (const { seq } of stream) seqs.push(seq)
  return seqs
}
