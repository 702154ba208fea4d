import { randomBytes } from 'node:crypto'

/** The socket of the client. */
interface Pinged {
  ping(data: Buffer): void
  /** Cuts it. */
  terminate(): void
}

interface HeartbeatOptions {
  /** Between the last pong and the next ping, in milliseconds. */
  readonly pingMs: number
  /** Time to answer a ping, in milliseconds. */
  readonly pongMs: number
  /** Time to answer a close, in milliseconds. */
  readonly closeMs: number
}

/** So many that nobody guesses them in time. */
const PING_BYTES = 8

interface OpenPing {
  readonly data: Buffer
  readonly answered: Promise<boolean>
  readonly settle: (isAlive: boolean) => void
}

/**
 * Whether a client is still there. Only who has read a ping can answer it, and with it all that was sent before: neither
 * a pong that nobody asked for nor a client that does not read keeps a socket, and what waits for one has this deadline.
 */
export class Heartbeat {
  readonly #socket: Pinged
  readonly #options: HeartbeatOptions
  #openPing: OpenPing | undefined
  /** Until the next ping, the pong, or the client's answer to a close. */
  #timer: NodeJS.Timeout
  #isOver = false

  constructor(socket: Pinged, options: HeartbeatOptions) {
    this.#socket = socket
    this.#options = options
    this.#timer = setTimeout(() => this.#ping(), options.pingMs)
  }

  /** Asks whether the client is there. @returns false when its socket was gone or closed before it answered */
  ask(): Promise<boolean> {
    if (this.#isOver) return Promise.resolve(false)
    return (this.#openPing ?? this.#ping()).answered
  }

  pong(data: Buffer): void {
    const ping = this.#openPing
    if (this.#isOver || !ping?.data.equals(data)) return
    this.#openPing = undefined
    this.#restart(() => this.#ping(), this.#options.pingMs)
    ping.settle(true)
  }

  /** The socket is being closed: it is cut when the client does not answer within so many milliseconds. */
  closing(withinMs = this.#options.closeMs): void {
    this.end()
    this.#restart(() => this.#socket.terminate(), withinMs)
  }

  /** The socket is gone. */
  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#openPing?.settle(false)
    this.#openPing = undefined
  }

  #ping(): OpenPing {
    let settle: OpenPing['settle'] = () => undefined
    const answered = new Promise<boolean>(resolve => {
      settle = resolve
    })
    const ping = { data: randomBytes(PING_BYTES), answered, settle }
    this.#openPing = ping
    this.#socket.ping(ping.data)
    this.#restart(() => this.#socket.terminate(), this.#options.pongMs)
    return ping
  }

  #restart(then: () => void, ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }
}
