/** Members of one group after the other have their turn, so many milliseconds apart. */
const STEP_MS = 50

/**
 * Gives each member a turn once in a period, one group after the other, so that what they do with it is spread over the
 * period, whatever made it necessary at the same moment.
 */
export class TimerWheel<Member> {
  readonly #groups: readonly Set<Member>[]
  readonly #turn: (member: Member) => void
  #size = 0
  #next = 0
  #wheel: NodeJS.Timeout | undefined

  /** @param periodMs milliseconds, a multiple of 50 */
  constructor(periodMs: number, turn: (member: Member) => void) {
    this.#groups = Array.from({ length: periodMs / STEP_MS }, () => new Set<Member>())
    this.#turn = turn
  }

  /** @returns how to leave, which may be called again */
  join(member: Member): () => void {
    const group = this.#groups.reduce((least, group) => (group.size < least.size ? group : least))
    group.add(member)
    this.#size += 1
    this.#wheel ??= setInterval(() => this.#step(), STEP_MS)
    return () => {
      if (!group.delete(member)) return
      this.#size -= 1
      if (this.#size === 0) this.close()
    }
  }

  close(): void {
    clearInterval(this.#wheel)
    this.#wheel = undefined
  }

  #step(): void {
    const group = this.#groups[this.#next] ?? []
    this.#next = (this.#next + 1) % this.#groups.length
    for (const member of group) this.#turn(member)
  }
}
