import { parseAddress } from '../domain/address.ts'
import { type Backoff, backoffMs } from '../lib/backoff.ts'
import type { InWorldPresence, WorldUsers } from './in-world-presence.ts'

/** Where one instance answers another; see the NATS client. */
interface Messages {
  ask(subject: string): Promise<Uint8Array | null>
  answer(subject: string, respond: () => Uint8Array): void
}

interface WorldHandoverDeps {
  readonly messages: Messages
  readonly presence: InWorldPresence
  /** On which the instances of one service ask each other. */
  readonly subject: string
}

/** Before an answer that did not come is asked for again; it may be that this instance must not ask. */
const RETRY: Backoff = { firstMs: 5000, maxMs: 300_000 }
const SECONDS_BYTES = 4
const ADDRESS_BYTES = 20
/** Users of one answer: it stays below the megabyte that NATS takes. */
const MAX_USERS = 40_000

/**
 * Gives who is in worlds of their own from one instance to another, which has just begun to listen to the peers: it is said
 * once, when they join. One instance answers, and only one that knows itself.
 */
export class WorldHandover {
  readonly #deps: WorldHandoverDeps
  #retryTimer: NodeJS.Timeout | undefined
  /** Each connection asks for itself. */
  #round = 0

  constructor(deps: WorldHandoverDeps) {
    this.#deps = deps
  }

  /** To be called whenever the peers begin to be heard. */
  begin(): void {
    this.close()
    void this.#ask(this.#round, 0)
  }

  close(): void {
    clearTimeout(this.#retryTimer)
    this.#round += 1
  }

  async #ask(round: number, failures: number): Promise<void> {
    const { messages, presence, subject } = this.#deps
    try {
      const answer = await messages.ask(subject)
      if (round !== this.#round) return
      presence.takeOver(answer && decode(answer))
      messages.answer(subject, () => encode(presence.inWorlds))
    } catch {
      if (round !== this.#round) return
      const again = (): void => void this.#ask(round, failures + 1)
      this.#retryTimer = setTimeout(again, backoffMs(failures + 1, RETRY))
    }
  }
}

/** The time in seconds, and then the addresses. */
function encode({ users, heardForMs }: WorldUsers): Uint8Array {
  const seconds = Buffer.alloc(SECONDS_BYTES)
  seconds.writeUInt32BE(Math.floor(heardForMs / 1000))
  return Buffer.concat([seconds, ...users.slice(0, MAX_USERS).map(user => Buffer.from(user.slice(2), 'hex'))])
}

function decode(bytes: Uint8Array): WorldUsers {
  const buffer = Buffer.from(bytes)
  if (buffer.length < SECONDS_BYTES) return { users: [], heardForMs: 0 }
  const hex = buffer.toString('hex', SECONDS_BYTES, SECONDS_BYTES + MAX_USERS * ADDRESS_BYTES)
  const users = (hex.match(/.{40}/g) ?? []).flatMap(text => parseAddress(`0x${text}`) ?? [])
  return { users, heardForMs: buffer.readUInt32BE() * 1000 }
}
