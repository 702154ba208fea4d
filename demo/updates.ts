/** How long a step may wait for an update, in milliseconds. */
const DEADLINE_MS = 5000

/** What one device received and nobody has looked at yet, in words. */
export class Updates {
  readonly #received: string[] = []

  /** Listens to a stream, beside those that it listens to. */
  listen<Update>(stream: AsyncIterable<Update>, inWords: (update: Update) => string): void {
    this.#listen(stream, inWords).catch(() => undefined) // ends with the socket
  }

  /** Waits until the next update is this one. */
  async expect(update: string): Promise<void> {
    await until(() => this.#received.length > 0)
    const received = this.#received.shift()
    if (received !== update) throw new Error(`expected "${update}", but received "${received}"`)
  }

  /** Nothing came that nobody expected. */
  expectNone(): void {
    expectSame(this.#received, [])
  }

  async #listen<Update>(stream: AsyncIterable<Update>, inWords: (update: Update) => string): Promise<void> {
    for await (const update of stream) this.#received.push(inWords(update))
  }
}

/** Waits for a condition, and at most for so long, in milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, deadlineMs = DEADLINE_MS): Promise<void> {
  const deadline = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`nothing came within ${deadlineMs} ms`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

export function expectSame(actual: readonly string[], expected: readonly string[]): void {
  if ([...actual].sort().join() !== [...expected].sort().join()) {
    throw new Error(`expected ${expected.join(', ') || 'nobody'}, but found ${actual.join(', ') || 'nobody'}`)
  }
}
