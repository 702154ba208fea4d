import { REPAIRS, type Repair } from '../../domain/imported-pair.ts'
import type { SkippedRow } from './pair-reading.ts'

/** What an import has done, or would do. */
export class ImportReport {
  /** Rows that were read. */
  rows = 0
  pairs = 0
  /** Pairs that are other than before. */
  changed = 0
  settings = 0
  mutes = 0
  /** Blocks and mutes that the source has no more. */
  removed = 0
  /** Notes of no pair. */
  orphans = 0
  readonly repairs = new Map<Repair, number>()
  readonly skipped = new Map<string, number>()
  readonly #onSkipped: (row: SkippedRow) => void

  /** @param onSkipped called for every row that is not taken over */
  constructor(onSkipped: (row: SkippedRow) => void) {
    this.#onSkipped = onSkipped
  }

  skip(row: SkippedRow): void {
    const key = `${row.table}: ${row.reason.replace(/^".*" /, '')}`
    this.skipped.set(key, (this.skipped.get(key) ?? 0) + 1)
    this.#onSkipped(row)
  }

  repair(repair: Repair): void {
    this.repairs.set(repair, (this.repairs.get(repair) ?? 0) + 1)
  }

  /** In words, a line each. */
  lines(isDryRun: boolean): string[] {
    const would = isDryRun ? 'would be ' : ''
    return [
      `${this.rows} rows about ${this.pairs} pairs were read; ${this.changed} pairs ${would}written, all others are as they were.`,
      `Settings of ${this.settings} users and ${this.mutes} mutes ${would}written; ${this.removed} blocks and mutes ${would}removed that are there no more.`,
      ...[...this.repairs].map(([repair, count]) => `${count} × ${REPAIRS[repair]}`),
      ...[...this.skipped].map(([reason, count]) => `${count} skipped × ${reason}`),
      ...(this.orphans > 0 ? [`${this.orphans} skipped × events that belong to no pair`] : [])
    ]
  }
}
