/** Clients that connect at the same time, where all are to be there before anything is measured. */
const TOGETHER = 50

/** Makes so many, some at a time, in order. */
export async function createConcurrently<Item>(count: number, make: (at: number) => Promise<Item>): Promise<Item[]> {
  const items: Item[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) items[at] = await make(at)
  }
  await Promise.all(Array.from({ length: TOGETHER }, lane))
  return items
}
