/** A set that is empty most of the time, and takes hardly any memory then: there are some for each of many thousand streams. */
export class SparseSet<Item> implements Iterable<Item> {
  #items: Set<Item> | null = null

  constructor(items: Iterable<Item> = []) {
    for (const item of items) this.add(item)
  }

  has(item: Item): boolean {
    return this.#items?.has(item) === true
  }

  add(item: Item): void {
    this.#items ??= new Set()
    this.#items.add(item)
  }

  /** @returns whether it was there */
  delete(item: Item): boolean {
    const wasThere = this.#items?.delete(item) === true
    if (this.#items?.size === 0) this.#items = null
    return wasThere
  }

  /** Deletes those of which that is true. */
  deleteWhere(isOver: (item: Item) => boolean): void {
    for (const item of this) if (isOver(item)) this.delete(item)
  }

  [Symbol.iterator](): Iterator<Item> {
    return (this.#items ?? []).values()
  }
}
