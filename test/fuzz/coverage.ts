import { Session } from 'node:inspector/promises'

/** Part of a source file, in characters: from, and up to. */
type Part = readonly [from: number, to: number]

/** What V8 has run of some source files, block by block. */
export class Coverage {
  readonly #session = new Session()
  readonly #isWatched: (url: string) => boolean
  /** Of each function that was ever run, what was not run yet. */
  readonly #missing = new Map<string, readonly Part[]>()

  /** @param isWatched whether a source file counts, by its URL */
  constructor(isWatched: (url: string) => boolean) {
    this.#isWatched = isWatched
  }

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Forgets what was run since the last look. */
  async skip(): Promise<void> {
    await this.#session.post('Profiler.takePreciseCoverage')
  }

  /**
   * Whether anything was run since the last look that never was before.
   * @param isKept whether it counts as run from now on
   */
  async isNew(isKept: boolean): Promise<boolean> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    let isNew = false
    for (const { url, scriptId, functions } of result.filter(script => this.#isWatched(script.url))) {
      for (const { ranges } of functions) {
        const [whole, ...blocks] = ranges
        if (!whole || whole.count === 0) continue
        const key = `${scriptId} ${url} ${whole.startOffset}`
        const unrun = blocks.filter(({ count }) => count === 0).map((it): Part => [it.startOffset, it.endOffset])
        const before = this.#missing.get(key)
        const after = before ? inBoth(before, unrun) : unrun
        if (before && sizeOf(after) === sizeOf(before)) continue
        isNew = true
        if (isKept) this.#missing.set(key, after)
      }
    }
    return isNew
  }
}

function inBoth(some: readonly Part[], others: readonly Part[]): Part[] {
  return some.flatMap(([from, to]) =>
    others.map(([start, end]): Part => [Math.max(from, start), Math.min(to, end)]).filter(([start, end]) => start < end)
  )
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, [from, to]) => sum + to - from, 0)
}
