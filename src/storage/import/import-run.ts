import { parseAddress } from '../../domain/address.ts'
import { stateOfImported } from '../../domain/imported-pair.ts'
import { readAhead } from '../../lib/read-ahead.ts'
import type { Database } from '../db/database.ts'
import { ImportCheck } from './import-check.ts'
import { ImportedPairs, type ImportProgress, type PairToWrite } from './imported-pairs.ts'
import { ImportedUsers, type Mark, type MarkKind } from './imported-users.ts'
import { readPairs } from './pair-reading.ts'
import type { ImportReport } from './report.ts'
import { readSettingsPage } from './settings-reading.ts'
import type { ImportSource } from './source.ts'

interface ImportDeps {
  readonly source: ImportSource
  readonly db: Database
  readonly report: ImportReport
}

interface ImportOptions {
  /** Which service it is, as the notes name it. */
  readonly service: string
  /** Nothing is written. */
  readonly isDryRun: boolean
  /** Everything is read again, whatever was taken over before. */
  readonly isFull: boolean
  /** Called with the number of pairs so far. */
  readonly onProgress: (pairs: number) => void
}

/** A change may be committed so much later than it says, in milliseconds: a pass reads again what is not older. */
const OVERLAP_MS = 10 * 60_000
/** Marks that are looked for in the source at a time. */
const MARKS = 5_000

/**
 * Takes over what an earlier service knows: all of it the first time, what changed since the next time, and from where
 * it stopped when it was interrupted.
 */
export class ImportRun {
  readonly #deps: ImportDeps
  readonly #options: ImportOptions
  readonly #pairs: ImportedPairs
  readonly #users: ImportedUsers
  readonly check: ImportCheck

  constructor(deps: ImportDeps, options: ImportOptions) {
    this.#deps = deps
    this.#options = options
    this.#pairs = new ImportedPairs(deps.db)
    this.#users = new ImportedUsers(deps.db)
    this.check = new ImportCheck(deps.source, this.#pairs)
  }

  async run(): Promise<void> {
    const { source, report } = this.#deps
    const pass = await this.#begin()
    await this.#takePairs(pass)
    report.orphans = await source.orphans()
    await this.#takeSettings()
    await this.#takeMutes()
    if (pass.since !== null) for (const kind of ['blocks', 'mutes'] as const) await this.#removeGone(kind, pass.since)
    if (this.#options.isDryRun) return
    if (report.changed > 0 || report.removed > 0) await this.#pairs.finish()
    await this.#pairs.saveProgress(this.#name, { ...pass, isDone: true })
  }

  get #name(): string {
    return `${this.#options.service} ${this.#deps.source.name}`
  }

  /** The pass that was interrupted, or the next one. */
  async #begin(): Promise<ImportProgress> {
    const startedAt = this.#deps.source.at
    const before = this.#options.isFull ? null : await this.#pairs.progress(this.#name)
    if (before && !before.isDone) return before
    return { since: before ? before.startedAt - OVERLAP_MS : null, startedAt, lo: '', hi: '', isDone: false }
  }

  async #takePairs(pass: ImportProgress): Promise<void> {
    const { source, report } = this.#deps
    for await (const { rows, events, last } of readAhead(source.pairs(pass.since, pass))) {
      const { pairs, skipped } = readPairs(rows, events)
      for (const row of skipped) report.skip(row)
      const toWrite: PairToWrite[] = []
      for (const pair of pairs) {
        const { state, repair } = stateOfImported(pair)
        if (repair) report.repair(repair)
        if (state) toWrite.push({ lo: pair.lo, hi: pair.hi, state })
      }
      report.rows += rows.length
      report.pairs += pairs.length
      report.changed += await this.#write(toWrite, { ...pass, lo: last.lo, hi: last.hi })
      this.check.sample(toWrite)
      this.#options.onProgress(report.pairs)
    }
  }

  #write(pairs: readonly PairToWrite[], progress: ImportProgress): Promise<number> {
    if (this.#options.isDryRun) return this.#pairs.countChanges(pairs)
    return this.#pairs.writePairs(pairs, this.#name, progress)
  }

  async #takeSettings(): Promise<void> {
    const { source, report } = this.#deps
    for await (const page of source.settings()) {
      const { settings, skipped } = readSettingsPage(page)
      for (const row of skipped) report.skip(row)
      report.settings += this.#options.isDryRun ? settings.size : await this.#users.writeSettings(settings)
    }
  }

  async #takeMutes(): Promise<void> {
    const { source, report } = this.#deps
    for await (const page of source.mutes()) {
      const mutes: (Mark & { readonly at: number })[] = []
      for (const [muter, muted, at] of page) {
        const [by, of] = [parseAddress(muter), parseAddress(muted)]
        if (by && of && by !== of) mutes.push({ by, of, at: Math.floor(at ?? 0) })
        else report.skip({ table: 'user_mutes', id: `${muter} ${muted}`, reason: 'it is not of two users' })
      }
      report.mutes += this.#options.isDryRun ? mutes.length : await this.#users.writeMutes(mutes)
    }
  }

  /** What was taken over before and is there no more: it leaves no trace of its own. */
  async #removeGone(kind: MarkKind, since: number): Promise<void> {
    const { source, report } = this.#deps
    let after: Mark | null = null
    for (;;) {
      const page: Mark[] = await this.#users.before(kind, since, after, MARKS)
      const present = await source.present(kind, page)
      if (!present) return
      const gone = page.filter(({ by, of }) => !present.has(`${by} ${of}`))
      if (gone.length > 0 && !this.#options.isDryRun) await this.#users.remove(kind, gone)
      report.removed += gone.length
      after = page.at(-1) ?? null
      if (page.length < MARKS) return
    }
  }
}
