import type { Admission, Budget } from '../../admission/admission.ts'
import { TokenBucket } from '../../lib/rate-budget.ts'
import type { RpcLimits } from './limits.ts'

/** The socket of a client, as far as it is read more slowly. */
interface Source {
  pause(): void
  resume(): void
  /** The client is far over its budget; maybe said again and again. */
  flooded(): void
}

/** The same for all sockets. */
interface InflowOptions {
  readonly admission: Admission
  readonly limits: RpcLimits
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
  readonly #source: Source
  readonly #addressGroup: string
  readonly #options: InflowOptions
  /** Its own budgets, once it has shown who it is. */
  #frames: TokenBucket | undefined
  #bytes: TokenBucket | undefined
  #pause: NodeJS.Timeout | undefined
  /** The one that is overdrawn, or more so. */
  #budget: Budget = 'frames'

  constructor(source: Source, addressGroup: string, options: InflowOptions) {
    this.#source = source
    this.#addressGroup = addressGroup
    this.#options = options
  }

  /** Counts a message of so many bytes, or a ping. */
  count(bytes: number): void {
    const waitMs = this.#spend(1, bytes)
    if (waitMs === 0) return
    // What was read before is still delivered while the socket is paused.
    if (this.#pause === undefined) {
      this.#options.admission.onRefused(this.#budget)
      this.#source.pause()
      this.#pauseFor(waitMs)
    }
    if (waitMs > MAX_OVERDRAFT_MS) this.#source.flooded()
  }

  /** The client has shown who it is. */
  authenticated(): void {
    const { framesPerSecond, bytesPerSecond } = this.#options.limits
    this.#frames ??= bucket(framesPerSecond)
    this.#bytes ??= bucket(bytesPerSecond)
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
      this.#source.resume()
    }, waitMs)
  }

  /** @returns milliseconds until both budgets are level again; 0 within them */
  #spend(frames: number, bytes: number): number {
    const { admission } = this.#options
    const now = performance.now()
    const framesMs = this.#frames?.spend(frames, now) ?? admission.frames.spend(this.#addressGroup, frames)
    const bytesMs = this.#bytes?.spend(bytes, now) ?? admission.bytes.spend(this.#addressGroup, bytes)
    this.#budget = framesMs >= bytesMs ? 'frames' : 'bytes'
    return Math.max(framesMs, bytesMs)
  }
}

function bucket(perSecond: number): TokenBucket {
  return new TokenBucket({ burst: BURST_SECONDS * perSecond, perSecond }, performance.now())
}
