import type { Sightings } from './crowd-api.ts'

/** What the clients of one process saw, while they did not do anything for it. */
export class Journal {
  readonly #away: number[] = []
  readonly #back: number[] = []
  /** The longest time for which a member was away, in milliseconds. */
  readonly #longestAway = new Map<number, number>()
  readonly #offline: number[] = []
  readonly #failures = new Map<string, number>()

  /** A connection was lost, and the next one verified. */
  away(member: number, ms: number): void {
    this.#away.push(ms)
    this.#longestAway.set(member, Math.max(ms, this.#longestAway.get(member) ?? 0))
  }

  /** All streams were accepted again. */
  back(ms: number): void {
    this.#back.push(ms)
  }

  /** Somebody was told that this member is offline. */
  offline(member: number): void {
    this.#offline.push(member)
  }

  failed(why: string): void {
    this.#failures.set(why, (this.#failures.get(why) ?? 0) + 1)
  }

  takeFailures(): [why: string, times: number][] {
    const failures = [...this.#failures]
    this.#failures.clear()
    return failures
  }

  /** Everything so far. */
  look(graceMs: number): Sightings {
    return {
      away: this.#away,
      back: this.#back,
      longAway: [...this.#longestAway].filter(([, ms]) => ms >= graceMs / 2),
      offline: this.#offline
    }
  }
}
