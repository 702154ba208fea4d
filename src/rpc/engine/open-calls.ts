import { setTimeout as wait } from 'node:timers/promises'
import { publicError, SocialError } from '../../domain/errors.ts'
import type { FrameWriter } from './frame-writer.ts'
import { LateAnswers } from './late-answers.ts'
import type { RpcLimits } from './limits.ts'
import { OpenCall } from './open-call.ts'
import { OutgoingStream, type StreamOwner } from './outgoing-stream.ts'
import { encodeResponse, type RequestFrame } from './protocol.ts'
import type {
  ConnectionInfo,
  ErrorReporter,
  Procedure,
  RpcObserver,
  StreamProcedure,
  UnaryProcedure
} from './service.ts'

const TOO_MANY_CALLS = new SocialError('too_many_requests', 'Too many calls at once')
const TOO_MANY_STREAMS = new SocialError('too_many_requests', 'Too many streams at once')
const PORT_CLOSED = new SocialError('unavailable', 'The port was closed')

/** Longest wait for the last acknowledgements of a client whose socket is about to be closed, in milliseconds. */
const SETTLE_MS = 250

interface OpenCallsDeps<Context> {
  readonly connection: ConnectionInfo<Context>
  readonly writer: FrameWriter
  readonly limits: RpcLimits
  readonly observer: RpcObserver
  readonly onError: ErrorReporter
}

/** Every call of one client that is not over. */
export class OpenCalls<Context> implements StreamOwner<Context> {
  readonly #connection: ConnectionInfo<Context>
  readonly #writer: FrameWriter
  readonly #limits: RpcLimits
  readonly #observer: RpcObserver
  readonly #onError: ErrorReporter
  /** Unary calls and streams, by the client's number of the request. */
  readonly #open = new Map<number, OpenCall<Context> | OutgoingStream<Context>>()
  /**
   * The procedures that run, also those whose calls are over: the limits count these, or else a client would get round
   * them by closing and asking again.
   */
  #unaryRunning = 0
  #streamsRunning = 0
  /** Of streams that are not open; there are none before the first. */
  #lateAnswers: LateAnswers | undefined
  #whenIdle: (() => void) | undefined

  constructor({ connection, writer, limits, observer, onError }: OpenCallsDeps<Context>) {
    this.#connection = connection
    this.#writer = writer
    this.#limits = limits
    this.#observer = observer
    this.#onError = onError
  }

  has(number: number): boolean {
    return this.#open.has(number) || this.#lateAnswers?.has(number) === true
  }

  /** Those that are open, oldest first. */
  streams(): OutgoingStream<Context>[] {
    return [...this.#open.values()].filter(open => open instanceof OutgoingStream)
  }

  start(procedure: Procedure<Context>, request: RequestFrame): void {
    if (procedure.kind === 'unary') this.#startUnary(procedure, request)
    else this.#startStream(procedure, request)
  }

  acknowledge(number: number, sequence: number): void {
    this.#stream(number)?.acknowledge(sequence)
  }

  closeStream(number: number): void {
    this.#stream(number)?.end()
    this.#lateAnswers?.forget(number)
  }

  /** Ends the calls of a port, and says so to the client, which may wait for them. */
  closePort(portId: number): void {
    for (const call of this.#unary()) {
      if (call.portId !== portId) continue
      this.#writer.refuse(call.number, PORT_CLOSED)
      this.#cancel(call)
    }
    for (const stream of this.streams()) if (stream.call.portId === portId) stream.close()
  }

  /** Ends everything and sends nothing: the client is gone. */
  end(): void {
    for (const call of this.#unary()) this.#cancel(call)
    for (const stream of this.streams()) stream.end()
    this.#lateAnswers?.end()
  }

  /**
   * Sends nothing more on streams. Resolves when every unary call is answered, and every stream is acknowledged as far
   * as it was sent, so that no client is sent the same again elsewhere; for the latter it does not wait long. To be
   * called once.
   */
  async drain(): Promise<void> {
    const settled = Promise.all(this.streams().map(stream => stream.settle()))
    const done = new AbortController()
    const late = wait(SETTLE_MS, undefined, { signal: done.signal }).catch(() => undefined)
    await Promise.all([this.#idle(), Promise.race([settled, late])])
    done.abort()
  }

  fail(call: OpenCall<Context>, error: unknown): void {
    this.#writer.refuse(call.number, this.#failed(call, error))
  }

  answerLate(number: number, give: () => void): void {
    const { refusalMs: delayMs, streams: limit } = this.#limits
    this.#lateAnswers ??= new LateAnswers({ delayMs, limit })
    this.#lateAnswers.add(number, give)
  }

  report(call: OpenCall<Context>, error: unknown): void {
    this.#onError(error, { connection: this.#connection.peer.id, procedure: call.procedure.name })
  }

  ended(stream: OutgoingStream<Context>): void {
    this.#open.delete(stream.call.number)
    this.#count(stream.call, stream.bytesOut)
  }

  released(): void {
    this.#streamsRunning--
  }

  #failed(call: OpenCall<Context>, error: unknown): SocialError {
    const shown = publicError(error)
    call.code = shown.code
    if (shown.code === 'internal') this.report(call, error)
    return shown
  }

  #idle(): Promise<void> {
    return this.#unary().length === 0 ? Promise.resolve() : new Promise(resolve => (this.#whenIdle = resolve))
  }

  #unary(): OpenCall<Context>[] {
    return [...this.#open.values()].filter(open => open instanceof OpenCall)
  }

  #stream(number: number): OutgoingStream<Context> | null {
    const open = this.#open.get(number)
    return open instanceof OutgoingStream ? open : null
  }

  #startUnary(procedure: UnaryProcedure<Context>, request: RequestFrame): void {
    const call = new OpenCall(this.#connection, procedure, request)
    if (this.#unaryRunning >= this.#limits.calls) {
      this.fail(call, TOO_MANY_CALLS)
      this.#count(call, 0)
      return
    }
    this.#open.set(call.number, call)
    this.#unaryRunning++
    void this.#answer(procedure, call, request.payload)
  }

  async #answer(procedure: UnaryProcedure<Context>, call: OpenCall<Context>, payload: Uint8Array): Promise<void> {
    let bytesOut = 0
    try {
      const answer = await procedure.run(payload, call)
      bytesOut = answer.length
      if (!call.over) this.#writer.write(encodeResponse(call.number, answer))
    } catch (error) {
      if (!call.over) this.fail(call, error)
      else this.report(call, error)
    }
    this.#unaryRunning--
    if (!call.over) this.#close(call, bytesOut)
  }

  #startStream(procedure: StreamProcedure<Context>, request: RequestFrame): void {
    const call = new OpenCall(this.#connection, procedure, request)
    try {
      if (!this.#hasRoomFor(procedure)) throw TOO_MANY_STREAMS
      const iterator = procedure.run(request.payload, call)[Symbol.asyncIterator]()
      const { ackMs, refusalMs } = this.#limits
      const stream = new OutgoingStream({ call, iterator, writer: this.#writer, owner: this, ackMs, refusalMs })
      this.#open.set(call.number, stream)
      this.#streamsRunning++
      stream.start()
    } catch (error) {
      const shown = this.#failed(call, error)
      this.#count(call, 0)
      this.answerLate(call.number, () => this.#writer.refuse(call.number, shown))
    }
  }

  /** One that takes the place of another is let in when there is no room: that one may need a moment to end. */
  #hasRoomFor(procedure: StreamProcedure<Context>): boolean {
    const { streams: limit } = this.#limits
    if (this.#streamsRunning < limit) return true
    const replaces = this.streams().some(({ call }) => call.procedure === procedure && call.source !== null)
    return replaces && this.#streamsRunning < 2 * limit
  }

  #cancel(call: OpenCall<Context>): void {
    if (call.code === 'ok') call.code = 'canceled'
    this.#close(call, 0)
  }

  #close(call: OpenCall<Context>, bytesOut: number): void {
    this.#open.delete(call.number)
    call.end()
    this.#count(call, bytesOut)
    if (this.#whenIdle !== undefined && this.#unary().length === 0) this.#whenIdle()
  }

  #count(call: OpenCall<Context>, bytesOut: number): void {
    const { procedure, code, startedAt, bytesIn } = call
    const durationMs = performance.now() - startedAt
    this.#observer.callEnded({ procedure: procedure.name, code, durationMs, bytesIn, bytesOut })
    if (call.closeAfter !== undefined) this.#writer.close(call.closeAfter)
  }
}
