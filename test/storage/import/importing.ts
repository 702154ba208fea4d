import { expect } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import type { PairAction } from '../../../src/domain/friendship.ts'
import type { Database } from '../../../src/storage/db/database.ts'
import type { CheckResult } from '../../../src/storage/import/import-check.ts'
import { ImportRun } from '../../../src/storage/import/import-run.ts'
import type { SkippedRow } from '../../../src/storage/import/pair-reading.ts'
import { PREDECESSORS, type PredecessorName } from '../../../src/storage/import/predecessors.ts'
import { ImportReport } from '../../../src/storage/import/report.ts'
import { ImportSource } from '../../../src/storage/import/source.ts'
import type { Stores } from '../stores.ts'
import type { Noted } from './predecessors.ts'

/** A moment of the earlier service, in seconds after its first. */
export const at = (second: number): number => Date.UTC(2024, 4, 6) + second * 1_000
export const noted = (event: string, by: string, second: number, message?: string): Noted => ({
  event,
  by,
  at: at(second),
  ...(message === undefined ? {} : { metadata: JSON.stringify({ message, synapse_room_id: '!room:localhost' }) })
})
export const shout = (user: string): string => `0x${user.slice(2).toUpperCase()}`

/** What stands for a user in some rows, and is none. */
export const NOBODIES = [
  '',
  '0x123',
  '@0xabc:localhost',
  'null',
  `0x${'g'.repeat(40)}`,
  `0x${'a'.repeat(41)}`,
  'a'.repeat(40)
]

/** What is left after an import: its report, and why rows were left out. */
interface Imported {
  readonly report: ImportReport
  readonly skipped: SkippedRow[]
  /** Null after a run that wrote nothing. */
  readonly check: CheckResult | null
}

export async function takeOver(
  from: { readonly service: PredecessorName; readonly url: string },
  db: Database,
  options: Partial<{ isDryRun: boolean; isFull: boolean; onProgress: (pairs: number) => void }> = {}
): Promise<Imported> {
  const skipped: SkippedRow[] = []
  await using source = await ImportSource.open(from.url, PREDECESSORS[from.service])
  if (!source) throw new Error(`No database of ${from.service}`)
  const report = new ImportReport(row => skipped.push(row))
  const { isDryRun = false, isFull = false, onProgress = () => undefined } = options
  const run = new ImportRun({ source, db, report }, { service: from.service, isDryRun, isFull, onProgress })
  await run.run()
  const check = isDryRun ? null : await run.check.result()
  if (check) expect(check.different).toEqual([])
  return { report, skipped, check }
}

/** What the row of a pair says. */
export async function stateOf(stores: Stores, a: Address, b: Address) {
  const { lastAction, actor, at, message, blockedBy } = await stores.friendships().read(a, b)
  return { lastAction, actor, at, message, blockedBy: [...blockedBy.keys()] }
}

/** What it says when nobody blocks the other. */
export function is(lastAction: PairAction, actor: Address, second: number, message: string | null = null) {
  return { lastAction, actor, at: at(second), message, blockedBy: [] as Address[] }
}
