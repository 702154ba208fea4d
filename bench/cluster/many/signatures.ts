import { handshakeMessage, type User } from '../../users.ts'

/** A signature is of a moment that is still to come, so that it is good for nine minutes from when it is made. */
const AHEAD_MS = 4 * 60_000
/** For so long it is used. */
const USED_MS = 8 * 60_000

/** First messages of v2 clients, made before they are needed, and again when a run takes long. */
export class Signatures {
  readonly #userOf: (member: number) => User
  readonly #messages = new Map<number, string>()
  #madeAt = Number.NEGATIVE_INFINITY

  constructor(userOf: (member: number) => User) {
    this.#userOf = userOf
  }

  of(member: number): string {
    if (performance.now() - this.#madeAt > USED_MS) {
      this.#messages.clear()
      this.#madeAt = performance.now()
    }
    const message = this.#messages.get(member) ?? handshakeMessage(this.#userOf(member), Date.now() + AHEAD_MS)
    this.#messages.set(member, message)
    return message
  }
}
