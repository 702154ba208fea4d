import type { Admission, Budget } from '../../admission/admission.ts'
import { TokenBucket } from '../../lib/rate-budget.ts'
import type { RpcLimits } from './limits.ts'

interface InflowDeps {
  readonly socket: { pause(): void; resume(): void }
  readonly admission: Admission
  readonly addressGroup: string
  readonly limits: RpcLimits
  /** Called, maybe again and again, when a client is far over its budget. */
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
  /** The one that is overdrawn, or more so. */
  #budget: Budget = 'frames'

  constructor(deps: InflowDeps) {
    this.#deps = deps
  }

  /** Counts a message of so many bytes, or a ping. */
  count(bytes: number): void {
    const waitMs = this.#spend(1, bytes)
    if (waitMs === 0) return
    // What was read before is still delivered while the socket is paused.
    if (this.#pause === undefined) {
      this.#deps.admission.onRefused(this.#budget)
      this.#deps.socket.pause()
      this.#pauseFor(waitMs)
    }
    if (waitMs > MAX_OVERDRAFT_MS) this.#deps.onFlood()
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

  #pauseFor(waitMs: number): void {
    this.#pause = setTimeout(() => {
      const leftMs = this.#spend(0, 0)
      if (leftMs > 0) {
        this.#pauseFor(leftMs)
        return
      }
      this.#pause = undefined
      this.#deps.socket.resume()
    }, waitMs)
  }

  /** @returns milliseconds until both budgets are level again; 0 within them */
  #spend(frames: number, bytes: number): number {
    const { admission, addressGroup } = this.#deps
    let framesMs: number
    let bytesMs: number
    if (this.#own) {
      const now = performance.now()
      framesMs = this.#own.frames.spend(frames, now)
      bytesMs = this.#own.bytes.spend(bytes, now)
    } else {
      framesMs = admission.frames.spend(addressGroup, frames)
      bytesMs = admission.bytes.spend(addressGroup, bytes)
    }
    this.#budget = framesMs >= bytesMs ? 'frames' : 'bytes'
    return Math.max(framesMs, bytesMs)
  }
}
