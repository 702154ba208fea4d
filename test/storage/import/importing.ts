import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import type { PairAction } from '../../../src/domain/friendship.ts'
import type { Database } from '../../../src/storage/db/database.ts'
import { ImportRun } from '../../../src/storage/import/import-run.ts'
import type { SkippedRow } from '../../../src/storage/import/pair-reading.ts'
import { PREDECESSORS, type PredecessorName } from '../../../src/storage/import/predecessors.ts'
import { ImportReport } from '../../../src/storage/import/report.ts'
import { ImportSource } from '../../../src/storage/import/source.ts'
import { describeEachDatabase, describeWithPostgres, freshPostgres } from '../../env/databases.ts'
import { newUsers, Stores } from '../stores.ts'
import { type Noted, PredecessorDatabase } from './predecessors.ts'

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

type ImportOptions = Partial<{ isDryRun: boolean; isFull: boolean; onProgress: (pairs: number) => void }>

/** A database of this service, which is empty before each test, and a new one of an earlier service. */
export class ImportWorld {
  readonly #service: PredecessorName
  #stores: Stores | null = null
  #old: PredecessorDatabase | null = null

  constructor(service: PredecessorName) {
    this.#service = service
  }

  get stores(): Stores {
    if (!this.#stores) throw new Error('There are no stores before the tests')
    return this.#stores
  }

  get old(): PredecessorDatabase {
    if (!this.#old) throw new Error('There is no earlier service before the tests')
    return this.#old
  }

  async open(kind: Database['kind']): Promise<void> {
    this.#stores = await Stores.open(kind)
  }

  async begin(): Promise<void> {
    // What one source has no more is taken away, and so would be what another one brought.
    await this.stores.query('truncate pair, pair_event, user_count, user_mute')
    this.#old = await PredecessorDatabase.create(this.#service, await freshPostgres())
  }

  async takeOver({ isDryRun = false, isFull = false, onProgress = () => undefined }: ImportOptions = {}) {
    const skipped: SkippedRow[] = []
    await using source = await ImportSource.open(this.old.url, PREDECESSORS[this.#service])
    if (!source) throw new Error(`No database of ${this.#service}`)
    const report = new ImportReport(row => skipped.push(row))
    const deps = { source, db: this.stores.db, report }
    const run = new ImportRun(deps, { service: this.#service, isDryRun, isFull, onProgress })
    await run.run()
    const check = isDryRun ? null : await run.check.result()
    if (check) expect(check.different).toEqual([])
    return { report, skipped, check }
  }

  /** What the row of a pair says. */
  async stateOf(a: Address, b: Address) {
    const { lastAction, actor, at, message, blockedBy } = await this.stores.friendships().read(a, b)
    return { lastAction, actor, at, message, blockedBy: [...blockedBy.keys()] }
  }
}

/** Runs tests on each kind of database that a service can have. */
export function describeImport(service: PredecessorName, suite: (world: ImportWorld) => void): void {
  describeWithPostgres(`What ${service} knows`, () => {
    describeEachDatabase('is taken over', kind => {
      const world = new ImportWorld(service)
      beforeAll(() => world.open(kind))
      beforeEach(() => world.begin())
      afterEach(() => world.old[Symbol.asyncDispose]())
      afterAll(() => world.stores[Symbol.asyncDispose]())
      suite(world)
    })
  })
}

/** Eight users whom nobody knows, in the order of their addresses. */
export function sortedUsers() {
  type A = Address
  return newUsers(8).sort() as [A, A, A, A, A, A, A, A]
}

/** What it says when nobody blocks the other. */
export function is(lastAction: PairAction, actor: Address, second: number, message: string | null = null) {
  return { lastAction, actor, at: at(second), message, blockedBy: [] as Address[] }
}
