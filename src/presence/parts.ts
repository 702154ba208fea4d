/** A part of something that is too long for one message. */
export interface Part {
  readonly version: number
  readonly part: number
  readonly parts: number
}

/** Puts together what comes in parts that follow directly upon each other. */
export class Parts<Item> {
  #items: Item[] = []
  #version = -1
  #next = 0

  /** @returns all of it with the last part; null before, and when one is missing */
  add({ version, part, parts }: Part, items: readonly Item[]): readonly Item[] | null {
    if (part === 0) {
      this.#items = []
      this.#version = version
      this.#next = 0
    }
    if (version !== this.#version || part !== this.#next) return null
    this.#next += 1
    this.#items.push(...items)
    if (this.#next < parts) return null
    const all = this.#items
    this.#items = []
    this.#next = -1
    return all
  }
}
