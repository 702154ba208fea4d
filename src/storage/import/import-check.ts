import type { OrderedPair } from '../../domain/address.ts'
import type { ImportedPairs, PairToWrite, Totals, WrittenPair } from './imported-pairs.ts'
import type { ImportSource } from './source.ts'

/** What a look at both sides found. */
export interface CheckResult {
  readonly compared: number
  /** Pairs that are not here as they are there, although nothing happened here since. */
  readonly different: readonly OrderedPair[]
  /** How many there are: of those there, all have to be here. */
  readonly there: { readonly friendships: number; readonly blocks: number }
  readonly here: Totals
}

/** Pairs that are remembered, to be compared at the end. */
const SAMPLES = 1_000

/** Compares what was read with what is written, by a sample in which every pair has the same chance. */
export class ImportCheck {
  readonly #source: ImportSource
  readonly #pairs: ImportedPairs
  readonly #samples: PairToWrite[] = []
  #seen = 0

  constructor(source: ImportSource, pairs: ImportedPairs) {
    this.#source = source
    this.#pairs = pairs
  }

  sample(pairs: readonly PairToWrite[]): void {
    for (const pair of pairs) {
      this.#seen += 1
      const place = this.#samples.length < SAMPLES ? this.#samples.length : Math.floor(Math.random() * this.#seen)
      if (place < SAMPLES) this.#samples[place] = pair
    }
  }

  async result(): Promise<CheckResult> {
    const written = new Map((await this.#pairs.readPairs(this.#samples)).map(pair => [keyOf(pair), pair]))
    const different = this.#samples.filter(pair => !isAs(written.get(keyOf(pair)), pair))
    const there = await this.#source.totals()
    return { compared: this.#samples.length, different, there, here: await this.#pairs.totals() }
  }
}

function keyOf({ lo, hi }: OrderedPair): string {
  return lo + hi
}

function isAs(written: WrittenPair | undefined, { state }: PairToWrite): boolean {
  if (!written) return false
  if (written.at > state.at) return true
  return (
    written.lastAction === state.lastAction &&
    written.actor === state.actor &&
    written.at === state.at &&
    written.blockers.length === state.blockedBy.size &&
    written.blockers.every(user => state.blockedBy.has(user))
  )
}
