import { SocialError } from '../../domain/errors.ts'
import { CLOSE } from './close-codes.ts'
import type { FrameWriter } from './frame-writer.ts'
import type { OpenCall } from './open-call.ts'
import { encodeStreamElement, encodeStreamEnd, encodeStreamOffer } from './protocol.ts'
import type { ElementIterator } from './service.ts'

/** What holds the streams of a client. */
export interface StreamOwner<Context> {
  /** Answers the call with what may be shown of `error`. */
  fail(call: OpenCall<Context>, error: unknown): void
  /** Answers the request of that number, but only after a while. */
  answerLate(number: number, give: () => void): void
  /** Takes an error that no client waits for. */
  report(call: OpenCall<Context>, error: unknown): void
  /** The client gets no more of this stream. */
  ended(stream: OutgoingStream<Context>): void
  /** The procedure of a stream is over. Comes after `ended`, or never, if the procedure does not heed its signal. */
  released(): void
}

interface OutgoingStreamDeps<Context> {
  readonly call: OpenCall<Context>
  readonly iterator: ElementIterator
  readonly writer: FrameWriter
  readonly owner: StreamOwner<Context>
  /** Time for which an element may stay unacknowledged while the next one waits, in milliseconds. */
  readonly ackMs: number
  /** After so many milliseconds the client is told of a failure. */
  readonly refusalMs: number
}

/** What comes after the element that is in flight, once it is known. */
type Next =
  | { readonly kind: 'element'; readonly frame: Uint8Array; readonly size: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'failure'; readonly error: unknown }

const LATE = new SocialError('too_many_requests', 'The stream was not acknowledged in time')

/**
 * Sends a stream element by element: the offer (sequence 0), and each next element when the client has acknowledged
 * the one before. One element is pulled ahead, so memory is bounded by one element, and it is known whether
 * something waits.
 *
 * An acknowledgement is only due while something waits: the TypeScript client acknowledges when the application pulls
 * the next element, so an unacknowledged last element is the usual state of a subscription. After `ackMs` in which
 * an element waited, the stream ends. If the client has sent nothing at all in that time it takes no part any more and
 * its socket is closed; if it has, it has only let go of this stream (the Rust client says nothing when it
 * drops one) and its socket stays.
 *
 * The end and errors wait for the acknowledgement too: the Rust client may drop an element that it has not taken when
 * the end arrives, and the TypeScript client loses what follows the offer at once. When they waited for `ackMs` they
 * are sent anyway.
 */
export class OutgoingStream<Context> {
  readonly call: OpenCall<Context>
  readonly #iterator: ElementIterator
  readonly #writer: FrameWriter
  readonly #owner: StreamOwner<Context>
  readonly #ackMs: number
  readonly #refusalMs: number
  /** Of what was sent last. */
  #sequence = 0
  #acknowledged = false
  #next: Next | undefined
  /** Of the acknowledgement for which the next one waits, or until a refusal is told. */
  #deadline: NodeJS.Timeout | undefined
  #bytesOut = 0
  /** Told when the client has acknowledged everything; there is one when nothing more is to be sent. */
  #whenSettled: (() => void) | undefined

  constructor({ call, iterator, writer, owner, ackMs, refusalMs }: OutgoingStreamDeps<Context>) {
    this.call = call
    this.#iterator = iterator
    this.#writer = writer
    this.#owner = owner
    this.#ackMs = ackMs
    this.#refusalMs = refusalMs
  }

  /** The bytes of all elements so far. */
  get bytesOut(): number {
    return this.#bytesOut
  }

  start(): void {
    this.#writer.write(encodeStreamOffer(this.call.number, this.call.portId))
    if (!this.call.over) this.#pull()
  }

  /** An acknowledgement of anything but what was sent last is ignored. */
  acknowledge(sequence: number): void {
    if (sequence !== this.#sequence) return
    this.#acknowledged = true
    this.call.acknowledged = sequence
    // Not when it is that of a refusal, which is not known yet.
    if (this.#next !== undefined) clearTimeout(this.#deadline)
    this.#advance()
  }

  /** Sends nothing more. Resolves when the client has acknowledged what it was sent, or the stream is over. */
  settle(): Promise<void> {
    return new Promise(resolve => {
      this.#whenSettled = resolve
      if (this.#acknowledged || this.#sequence === 0) resolve()
    })
  }

  /** Ends the stream before its time, and says so to the client. */
  close(): void {
    this.#writer.write(encodeStreamEnd(this.call.number, this.#sequence, this.call.portId))
    this.end()
  }

  /** Ends the stream because a newer one goes on in its place, and says so to the client: to some only after a while. */
  replace(): void {
    if (this.call.over) return
    const { number, portId } = this.call
    const end = encodeStreamEnd(number, this.#sequence, portId)
    this.end()
    this.#owner.answerLate(number, () => this.#writer.write(end))
  }

  /** Ends the stream before its time. The client knows, or is gone. */
  end(): void {
    if (this.call.over) return
    if (this.call.code === 'ok') this.call.code = 'canceled'
    this.#finish()
    void this.#release()
  }

  #pull(): void {
    if (this.#iterator.whenReady) this.#iterator.whenReady(() => void this.#pullNow())
    else void this.#pullNow()
  }

  async #pullNow(): Promise<void> {
    if (this.call.over) return
    const next = await this.#read()
    if (!this.call.over && this.#isRefusal(next)) {
      this.#deadline = setTimeout(() => this.#offer(next), this.#refusalMs)
    } else if (!this.call.over) {
      this.#offer(next)
    } else if (next.kind === 'failure') {
      this.#owner.report(this.call, next.error)
    }
  }

  #offer(next: Next): void {
    this.#next = next
    this.#advance()
  }

  /** Whether the client is told that the stream failed: by an error, or by an element that is one. */
  #isRefusal({ kind }: Next): boolean {
    if (this.#refusalMs === 0 || this.call.closeAfter !== undefined) return false
    return kind === 'failure' || (kind === 'element' && this.call.code !== 'ok')
  }

  async #read(): Promise<Next> {
    try {
      const result = await this.#iterator.next()
      if (result.done) return { kind: 'end' }
      const frame = encodeStreamElement(this.call.number, this.#sequence + 1, this.call.portId, result.value)
      return { kind: 'element', frame, size: result.value.length }
    } catch (error) {
      return { kind: 'failure', error }
    }
  }

  #advance(): void {
    const next = this.#next
    if (this.#whenSettled !== undefined) {
      if (this.#acknowledged) this.#whenSettled()
      return
    }
    if (next === undefined) return
    if (!this.#acknowledged) {
      const received = this.#writer.framesReceived
      this.#deadline = setTimeout(() => this.#late(next, received), this.#ackMs)
    } else if (next.kind === 'element') {
      this.#next = undefined
      this.#sequence++
      this.#acknowledged = false
      this.#bytesOut += next.size
      this.#writer.write(next.frame)
      if (!this.call.over) this.#pull()
    } else {
      this.#conclude(next)
    }
  }

  #late(next: Next, received: number): void {
    if (next.kind !== 'element') {
      this.#conclude(next)
    } else if (this.#writer.framesReceived === received) {
      this.#writer.close(CLOSE.notAcknowledged)
    } else {
      this.call.code = LATE.code
      this.end()
      this.#owner.answerLate(this.call.number, () => this.#owner.fail(this.call, LATE))
    }
  }

  /** Ends the stream with what its procedure came to. */
  #conclude(last: Exclude<Next, { kind: 'element' }>): void {
    if (last.kind === 'end') this.#writer.write(encodeStreamEnd(this.call.number, this.#sequence, this.call.portId))
    else this.#owner.fail(this.call, last.error)
    if (this.call.over) return
    this.#finish()
    this.#owner.released()
  }

  #finish(): void {
    clearTimeout(this.#deadline)
    this.#next = undefined
    this.#whenSettled?.()
    this.call.end()
    this.#owner.ended(this)
  }

  async #release(): Promise<void> {
    try {
      await this.#iterator.return?.()
    } catch (error) {
      this.#owner.report(this.call, error)
    }
    this.#owner.released()
  }
}
