/**
 * The same items, each asked for while the one before is worked on: for a source and a sink that are not the same
 * machine. A consumer that stops early waits for the item that is under way.
 */
export async function* readAhead<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item> {
  const iterator = items[Symbol.asyncIterator]()
  let next = iterator.next()
  // What fails is thrown when it is its turn.
  next.catch(() => {})
  try {
    for (;;) {
      const { done, value } = await next
      if (done) return
      next = iterator.next()
      next.catch(() => {})
      yield value
    }
  } finally {
    await next.catch(() => {})
    await iterator.return?.()
  }
}
