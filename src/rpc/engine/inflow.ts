import type { Admission, Budget } from '../../admission/admission.ts'
import { TokenBucket } from '../../lib/rate-budget.ts'
import type { RpcLimits } from './limits.ts'

interface InflowDeps {
  readonly socket: { pause(): void; resume(): void }
  readonly admission: Admission
  readonly addressGroup: string
  readonly limits: RpcLimits
  /** Called with each frame of a client that goes on although it is far over its budget. */
  readonly onFlood: () => void
}

/** What may be spent at once after a pause: as much as in so many seconds. */
const BURST_SECONDS = 5
/** A budget that is overdrawn for longer is that of no client that would ever fit in, in milliseconds. */
const MAX_OVERDRAFT_MS = 3_000

/**
 * How fast one client may send: from the first byte, within the budgets of its address, and within its own ones when
 * it has shown who it is. What is too much is not read for as long as the budget is overdrawn.
 */
export class Inflow {
  readonly #deps: InflowDeps
  #own: { readonly frames: TokenBucket; readonly bytes: TokenBucket } | undefined
  #pause: NodeJS.Timeout | undefined

  constructor(deps: InflowDeps) {
    this.#deps = deps
  }

  /** Counts a message of so many bytes, or a ping. */
  count(bytes: number): void {
    const { admission, addressGroup } = this.#deps
    let framesMs: number
    let bytesMs: number
    if (this.#own) {
      const now = performance.now()
      framesMs = this.#own.frames.spend(1, now)
      bytesMs = this.#own.bytes.spend(bytes, now)
    } else {
      framesMs = admission.frames.spend(addressGroup)
      bytesMs = admission.bytes.spend(addressGroup, bytes)
    }
    if (framesMs > 0 || bytesMs > 0) this.#slowDown(framesMs, bytesMs)
  }

  /** The client has shown who it is. */
  authenticated(): void {
    const { framesPerSecond, bytesPerSecond } = this.#deps.limits
    const bucket = (perSecond: number): TokenBucket =>
      new TokenBucket({ burst: BURST_SECONDS * perSecond, perSecond }, performance.now())
    this.#own ??= { frames: bucket(framesPerSecond), bytes: bucket(bytesPerSecond) }
  }

  /** The socket is gone. */
  end(): void {
    clearTimeout(this.#pause)
  }

  #slowDown(framesMs: number, bytesMs: number): void {
    const { socket, admission, onFlood } = this.#deps
    const waitMs = Math.max(framesMs, bytesMs)
    // What was read before is still delivered while the socket is paused.
    if (this.#pause === undefined) {
      admission.onRefused((framesMs >= bytesMs ? 'frames' : 'bytes') satisfies Budget)
      socket.pause()
      this.#pause = setTimeout(() => {
        this.#pause = undefined
        socket.resume()
      }, waitMs)
    }
    if (waitMs > MAX_OVERDRAFT_MS) onFlood()
  }
}
