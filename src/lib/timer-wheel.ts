/** Between the turns of two groups, in milliseconds. */
const STEP_MS = 50

/**
 * Calls back for each member once in a period, one group after the other: the work of many timers with the same period
 * is spread over it, also when all of them were started at the same moment.
 */
export class TimerWheel<Member> {
  readonly #groups: readonly Set<Member>[]
  readonly #turn: (member: Member) => void
  #size = 0
  #next = 0
  #interval: NodeJS.Timeout | undefined

  /** @param periodMs milliseconds, in steps of 50 @param turn must not throw */
  constructor(periodMs: number, turn: (member: Member) => void) {
    this.#groups = Array.from({ length: Math.max(1, Math.round(periodMs / STEP_MS)) }, () => new Set<Member>())
    this.#turn = turn
  }

  /** @returns how to leave, which may be called again. The timer runs only while there is a member. */
  join(member: Member): () => void {
    const group = this.#groups.reduce((least, group) => (group.size < least.size ? group : least))
    group.add(member)
    this.#size += 1
    this.#interval ??= setInterval(() => this.#step(), STEP_MS)
    return () => {
      if (!group.delete(member)) return
      this.#size -= 1
      if (this.#size === 0) this.close()
    }
  }

  close(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }

  #step(): void {
    const group = this.#groups[this.#next] ?? []
    this.#next = (this.#next + 1) % this.#groups.length
    for (const member of group) this.#turn(member)
  }
}
