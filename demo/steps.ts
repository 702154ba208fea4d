/** Names, times and prints each step. */
export class Steps {
  /** The step that runs, or ran last. */
  current = 'Start'
  readonly #startedAt = performance.now()

  async run<T>(name: string, step: () => Promise<T>): Promise<T> {
    this.current = name
    const startedAt = performance.now()
    const result = await step()
    console.log(`✓ ${name.padEnd(52)} ${readable(performance.now() - startedAt).padStart(8)}`)
    return result
  }

  elapsed(): string {
    return readable(performance.now() - this.#startedAt)
  }
}

const readable = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
