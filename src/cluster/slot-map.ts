/** Slots of a Redis Cluster, each of which one of its masters serves. */
const SLOTS = 16_384

/** A master of a Redis Cluster. */
export interface Master {
  readonly host: string
  readonly port: number
}

/** Which master of a Redis Cluster serves what. */
export class SlotMap {
  readonly masters: readonly Master[]
  /** The same text for the same masters with the same slots. */
  readonly text: string
  /** Whether every slot is served. */
  readonly isComplete: boolean
  readonly #masterOfSlot: readonly (Master | undefined)[]

  private constructor(ranges: readonly Range[]) {
    const ordered = ranges.toSorted((a, b) => a.from - b.from)
    this.text = ordered.map(({ from, to, master }) => `${from}-${to} ${keyOf(master)}`).join()
    const byKey = new Map(ordered.map(({ master }) => [keyOf(master), master]))
    this.masters = [...byKey.values()]
    const slots = new Array<Master | undefined>(SLOTS)
    for (const { from, to, master } of ordered) slots.fill(byKey.get(keyOf(master)), from, to + 1)
    this.#masterOfSlot = slots
    this.isComplete = !slots.includes(undefined)
  }

  /**
   * Reads the answer to `CLUSTER SLOTS`: ranges, each with its first slot, its last one, and its nodes, of which the first
   * is the master. @param asked the host that answered: it need not know its own name. @throws Error when it is no such answer
   */
  static parse(answer: unknown, asked: string): SlotMap {
    if (!Array.isArray(answer)) throw new Error('CLUSTER SLOTS was answered with no list')
    const ranges = answer.map((range): Range => {
      const [from, to, node] = range as [unknown, unknown, unknown]
      const [host, port] = Array.isArray(node) ? node : []
      if (!isSlot(from) || !isSlot(to) || typeof port !== 'number') {
        throw new Error('CLUSTER SLOTS was answered with something else')
      }
      return { from, to, master: { host: typeof host === 'string' && host !== '' ? host : asked, port } }
    })
    return new SlotMap(ranges)
  }

  /** Who serves a key or a topic; undefined while nobody does. */
  masterOf(key: string): Master | undefined {
    return this.#masterOfSlot[slotOf(key)]
  }
}

interface Range {
  readonly from: number
  readonly to: number
  readonly master: Master
}

export function keyOf({ host, port }: Master): string {
  return `${host}:${port}`
}

function isSlot(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS
}

/** CRC16 as XMODEM has it: the remainders of each byte. */
const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder << 1) ^ (remainder & 0x8000 ? 0x1021 : 0)
  return remainder
})

/**
 * The slot of a key: of what is within its first braces, if there is anything, or else of all of it.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */
export function slotOf(key: string): number {
  const [, tag = key] = /^[^{]*\{([^}]+)\}/.exec(key) ?? []
  let crc = 0
  for (const byte of Buffer.from(tag)) crc = ((crc << 8) & 0xffff) ^ (REMAINDERS[(crc >> 8) ^ byte] ?? 0)
  return crc % SLOTS
}
