/**
 * Items that go when they were not touched for so many ticks. What a tick is, and whether time passes at all, its user
 * decides. Touching costs the same however many items there are, and ageing only what has become too old.
 */
export class AgingSet<Item> {
  readonly #maxAge: number
  /** The tick at which each item was touched last, oldest first. */
  readonly #touched = new Map<Item, number>()
  #now = 0

  /** @param maxAge in ticks */
  constructor(maxAge: number) {
    this.#maxAge = maxAge
  }

  get size(): number {
    return this.#touched.size
  }

  has(item: Item): boolean {
    return this.#touched.has(item)
  }

  /** In ticks; 0 for what is not in here. */
  ageOf(item: Item): number {
    return this.#now - (this.#touched.get(item) ?? this.#now)
  }

  /** Puts an item in, or makes it young again. */
  touch(item: Item): void {
    this.#touched.delete(item)
    this.#touched.set(item, this.#now)
  }

  /** @returns whether it was in here */
  delete(item: Item): boolean {
    return this.#touched.delete(item)
  }

  /** Everything is a tick older from now on. */
  tick(): void {
    this.#now += 1
  }

  /** Everything is young again. */
  rejuvenate(): void {
    for (const item of this.#touched.keys()) this.#touched.set(item, this.#now)
  }

  /** Takes out what is too old, the oldest first, and not more than `most` of it. */
  takeOld(most: number): Item[] {
    const old: Item[] = []
    for (const [item, at] of this.#touched) {
      if (this.#now - at < this.#maxAge || old.length === most) break
      old.push(item)
    }
    for (const item of old) this.#touched.delete(item)
    return old
  }

  /** Oldest first. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#touched.keys()
  }
}
