import { setTimeout as wait } from 'node:timers/promises'
import { expectCase } from '../load/answers.ts'
import { request } from '../load/frames.ts'
import { cycle } from '../load/lane.ts'
import type { RpcSocket } from '../load/rpc-socket.ts'
import type { Step } from '../load/steps.ts'
import { connect, update, updatePayload } from '../load/v1.ts'
import { verdict, whole } from '../markdown.ts'
import { createConcurrently } from './concurrent.ts'
import { listen, STREAM_ELEMENT } from './device.ts'
import type { ClusterJob, InstanceAccess, Line } from './job.ts'
import { asked, asker, PAIRS } from './population.ts'
import { percentile } from './statistics.ts'
import { Meter } from './usage.ts'

const WARM_UP_SECONDS = 5
/** A push that takes longer, in milliseconds, is taken for one that never comes. */
const LOST_MS = 10_000
const TARGET_MS = 10

/** An update that was sent to one instance and pushed by the other; all times by the monotonic clock, in milliseconds. */
interface Push {
  readonly dueAt: number
  readonly answeredAt: number
  readonly receivedAt: number
}

/**
 * Updates at a steady pace, whatever becomes of those before: everybody who acts is on one instance, everybody who is
 * pushed by the other.
 */
export async function pushes({ instances: [here, there], rate, seconds, watched }: ClusterJob): Promise<Line[]> {
  const pairs = await openPairs(here, there)
  await pace(pairs, rate, WARM_UP_SECONDS)
  const meter = new Meter(watched)
  const all = await pace(pairs, rate, seconds)
  const usage = meter.read()

  const reached = whole((all.length * 1000) / (Math.max(...all.map(it => it.answeredAt)) - all[0]!.dueAt))
  const answered = afterAnswer(all)
  const afterSending = all.map(({ dueAt, receivedAt }) => receivedAt - dueAt)
  const texts = (times: number[]): string =>
    `p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms`
  return [
    {
      work: 'push across instances, after the answer',
      measured: `${reached}/s, ${texts(answered)}`,
      target: verdict(percentile(answered, 0.99) <= TARGET_MS, `p99 ≤ ${TARGET_MS} ms at ${whole(rate)}/s`),
      usage
    },
    { work: 'the same, after it was to be sent', measured: texts(afterSending) }
  ]
}

/**
 * @param here where everybody acts
 * @param there where the others are told
 * @param run each has pairs of its own
 */
export function openPairs(here: InstanceAccess, there: InstanceAccess, run = 0): Promise<Pair[]> {
  return createConcurrently(PAIRS, pair => Pair.open(run * PAIRS + pair, here, there))
}

/** In milliseconds; 0 for a push that came before the answer. */
export function afterAnswer(pushes: readonly Push[]): number[] {
  return pushes.map(({ answeredAt, receivedAt }) => Math.max(0, receivedAt - answeredAt))
}

/** So many updates in a second, each when it is due. */
export async function pace(pairs: readonly Pair[], rate: number, seconds: number): Promise<Push[]> {
  const next = cycle(pairs)
  const pushes: Promise<Push>[] = []
  const from = performance.now()
  while (pushes.length < rate * seconds) {
    const due = Math.min(rate * seconds, ((performance.now() - from) * rate) / 1000)
    while (pushes.length < due) pushes.push(next().act(from + (pushes.length * 1000) / rate))
    await wait(1)
  }
  const lost = wait(LOST_MS, null)
  const all = await Promise.race([Promise.all(pushes), lost])
  if (!all) throw new Error('An update was never pushed')
  return all
}

/** One who asks and takes it back, again and again, and one who receives it. */
class Pair {
  readonly #actor: RpcSocket
  readonly #next: () => Buffer
  /** Updates that the other has still to receive, oldest first. */
  readonly #pending: ((at: number) => void)[] = []
  /** A user does one thing after the other. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(actor: RpcSocket, requests: readonly Buffer[]) {
    this.#actor = actor
    this.#next = cycle(requests)
  }

  static async open(at: number, here: InstanceAccess, there: InstanceAccess): Promise<Pair> {
    const [actor, target] = [asker(at), asked(at)]
    const acting = await connect(here.rpc)
    const id = acting.procedures.get('UpdateFriendshipEvent')!
    const steps = (['request', 'cancel'] as const).map((action): Step => ({ actor, target, action }))
    const pair = new Pair(
      acting.socket,
      steps.map(step => request(id, updatePayload(step)))
    )
    await listen(await connect(there.rpc), 'updates', target, payload => pair.#onUpdate(payload))
    return pair
  }

  /** @param dueAt when it should be sent, by the monotonic clock in milliseconds */
  async act(dueAt: number): Promise<Push> {
    const received = new Promise<number>(resolve => this.#pending.push(resolve))
    const answered = this.#turn.then(() => update(this.#actor, this.#next()))
    this.#turn = answered
    await answered
    const answeredAt = performance.now()
    return { dueAt, answeredAt, receivedAt: await received }
  }

  #onUpdate(payload: Uint8Array): void {
    expectCase(payload, STREAM_ELEMENT)
    const resolve = this.#pending.shift()
    if (!resolve) throw new Error('An update of something that nobody did')
    resolve(performance.now())
  }
}
