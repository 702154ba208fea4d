import { setTimeout as wait } from 'node:timers/promises'
import type { Background, PushTimes } from './crowd-api.ts'
import type { Pair, Told } from './pair.ts'

/** After so long, in milliseconds, what was not told is taken for lost. */
const LOST_MS = 30_000
const TICK_MS = 2
/** How often it is looked whether everything is told, in milliseconds. */
const LOOK_MS = 50

/** Lets pairs act at a steady pace, whatever becomes of those before. */
export class PairPacer {
  readonly pairs: readonly Pair[]
  #next = 0
  #isGoingOn = false
  #running: Promise<number> = Promise.resolve(0)
  readonly #afterAnswer: number[] = []

  constructor(pairs: readonly Pair[]) {
    this.pairs = pairs
  }

  /** @throws Error when an update is never told */
  async push(count: number, rate: number): Promise<PushTimes> {
    const pushes: Promise<Told & { dueAt: number }>[] = []
    const act = async (pair: Pair, dueAt: number) => ({ ...(await pair.act()), dueAt })
    await this.#pace(
      rate,
      () => pushes.length < count,
      (pair, dueAt) => pushes.push(act(pair, dueAt))
    )
    const all = await Promise.race([Promise.all(pushes), wait(LOST_MS, null)])
    if (!all) throw new Error('An update was never told')
    return { afterAnswer: all.map(afterAnswer), afterDue: all.map(({ dueAt, toldAt }) => toldAt - dueAt) }
  }

  /** Until {@link settle}. */
  goOn(rate: number): void {
    this.#isGoingOn = true
    const act = async (pair: Pair): Promise<void> => {
      this.#afterAnswer.push(afterAnswer(await pair.act()))
    }
    this.#running = this.#pace(rate, () => this.#isGoingOn, act)
  }

  async settle(): Promise<Background> {
    this.#isGoingOn = false
    const updates = await this.#running
    const untold = (): number => this.pairs.filter(({ isTold }) => !isTold).length
    for (const from = performance.now(); untold() > 0 && performance.now() - from < LOST_MS; ) await wait(LOOK_MS)
    const repeated = this.pairs.reduce((sum, { repeats }) => sum + repeats, 0)
    return { updates, repeated, untold: untold(), afterAnswer: this.#afterAnswer }
  }

  /** @returns how many have acted */
  async #pace(rate: number, goesOn: () => boolean, act: (pair: Pair, dueAt: number) => unknown): Promise<number> {
    const from = performance.now()
    let begun = 0
    for (; goesOn(); await wait(TICK_MS)) {
      const due = ((performance.now() - from) * rate) / 1000
      while (begun < due && goesOn()) {
        const pair = this.#free()
        if (!pair) break
        void act(pair, from + (begun * 1000) / rate)
        begun += 1
      }
    }
    return begun
  }

  /** One after the other, as far as they can act. */
  #free(): Pair | undefined {
    for (let looked = 0; looked < this.pairs.length; looked++) {
      const pair = this.pairs[this.#next++ % this.pairs.length]!
      if (pair.canAct) return pair
    }
    return undefined
  }
}

/** A push may come before the answer. */
function afterAnswer({ answeredAt, toldAt }: Told): number {
  return Math.max(0, toldAt - answeredAt)
}
