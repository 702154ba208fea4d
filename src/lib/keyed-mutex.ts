/** Lets one at a time through for each key, in the order in which they came. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>()

  /** Waits for its turn. @returns how to end it */
  async acquire(key: string): Promise<() => void> {
    const before = this.#last.get(key)
    let end = (): void => {}
    const turn = new Promise<void>(resolve => {
      end = resolve
    })
    this.#last.set(key, turn)
    await before
    return () => {
      if (this.#last.get(key) === turn) this.#last.delete(key)
      end()
    }
  }
}
