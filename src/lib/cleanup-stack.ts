/**
 * What has to be undone when something is over. The steps run once, the last one first, and each also when another one
 * throws. A step that comes too late for that runs at once.
 */
export class CleanupStack {
  /** Never pushed to, which would make room for many more: most stacks have two or three. */
  #steps: readonly (() => void)[] | null = []

  add(step: () => void): void {
    if (this.#steps) this.#steps = this.#steps.concat(step)
    else step()
  }

  /** May be called again. @throws what a step throws, after all of them ran */
  run(): void {
    const steps = this.#steps ?? []
    this.#steps = null
    runAll([...steps])
  }
}

function runAll(steps: (() => void)[]): void {
  const step = steps.pop()
  if (!step) return
  try {
    step()
  } finally {
    runAll(steps)
  }
}
