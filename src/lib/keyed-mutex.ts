/** A mutex for each key: one holder at a time, first come, first served. A key that nobody holds takes no memory. */
export class KeyedMutex {
  /** Of each key, when the last of those that hold it or wait has released it. */
  readonly #last = new Map<string, Promise<void>>()

  /** Waits until the mutex of this key is free. @returns how to release it, which has to be called whatever happens */
  async acquire(key: string): Promise<() => void> {
    const before = this.#last.get(key)
    let release = (): void => {}
    const released = new Promise<void>(resolve => {
      release = resolve
    })
    this.#last.set(key, released)
    await before
    return () => {
      if (this.#last.get(key) === released) this.#last.delete(key)
      release()
    }
  }
}
