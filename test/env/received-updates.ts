import { until } from './until.ts'

/** What came through one stream, oldest first. */
export class ReceivedUpdates<Item> {
  readonly items: Item[] = []
  /** What the stream failed with, when it is over. */
  ended: Error | 'in good order' | null = null

  constructor(stream: AsyncIterable<Item>) {
    this.#listen(stream).then(
      () => {
        this.ended = 'in good order'
      },
      error => {
        this.ended = error
      }
    )
  }

  /** Waits for the next item and takes it out. */
  async next(): Promise<Item> {
    await until(() => this.items.length > 0 || this.ended !== null, 'an update comes')
    const item = this.items.shift()
    if (!item) throw new Error(`The stream ended: ${this.ended}`)
    return item
  }

  async #listen(stream: AsyncIterable<Item>): Promise<void> {
    for await (const item of stream) this.items.push(item)
  }
}
