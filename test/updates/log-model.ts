import type { LogView } from '../../src/updates/log-cursor.ts'

/** An event: a number, and whose it is. */
export interface Row {
  readonly seq: number
  readonly pair: number
}

interface Writer {
  readonly id: number
  row: Row | null
}

/** A database as far as a log needs one: ids and numbers are given in their order, and rows are seen when committed. */
export class Log {
  readonly committed: Row[] = []
  readonly #running: Writer[] = []
  #nextId = 1
  #lastEnded = 0
  #nextSeq = 1

  get running(): number {
    return this.#running.length
  }

  begin(): void {
    this.#running.push({ id: this.#nextId++, row: null })
  }

  /** A transaction takes a number, unless it has one or another one holds the row of the pair. */
  take(which: number, pair: number): void {
    const writer = this.#pick(which)
    if (!writer || writer.row || this.#running.some(({ row }) => row?.pair === pair)) return
    writer.row = { seq: this.#nextSeq++, pair }
  }

  /** A number that nobody will ever have, as a lost race leaves it. */
  waste(): void {
    this.#nextSeq += 1
  }

  end(which: number, how: 'commit' | 'rollback'): void {
    const writer = this.#pick(which)
    if (!writer) return
    this.#running.splice(this.#running.indexOf(writer), 1)
    this.#lastEnded = Math.max(this.#lastEnded, writer.id)
    if (how === 'commit' && writer.row) this.committed.push(writer.row)
  }

  /** What a look sees, with the ids that a snapshot of PostgreSQL knows. */
  look(head: number, missing: readonly number[], limit: number): LogView<Row> {
    const bySeq = this.committed.toSorted((a, b) => a.seq - b.seq)
    const fresh = bySeq.filter(({ seq }) => seq > head).slice(0, limit)
    const events = [...bySeq.filter(({ seq }) => missing.includes(seq)), ...fresh]
    const end = this.#lastEnded + 1
    const oldestRunning = Math.min(end, ...this.#running.map(({ id }) => id))
    let nextTransaction = 0
    if (fresh.length > 0) {
      nextTransaction = this.#nextId++
      this.#lastEnded = nextTransaction
    }
    return { events, oldestRunning, nextTransaction }
  }

  #pick(which: number): Writer | undefined {
    return this.#running[which % Math.max(1, this.#running.length)]
  }
}
