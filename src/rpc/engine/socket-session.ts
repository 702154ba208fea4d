import { WebSocket } from 'ws'
import type { Admission } from '../../admission/admission.ts'
import { publicError, type SocialError } from '../../domain/errors.ts'
import { CLOSE, type CloseReason } from './close-codes.ts'
import { Connection } from './connection.ts'
import type { Wire } from './frame-writer.ts'
import { closeReasonOf, type HandshakeHeaders, isHandshake, parseHandshake } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { Inflow } from './inflow.ts'
import type { RpcLimits } from './limits.ts'
import { SERVER_READY } from './protocol.ts'
import type { Client, ClientServices, ErrorReporter, Peer, RpcObserver } from './service.ts'
import type { SessionSocket } from './session-socket.ts'

/** What sockets are served, and within what limits. */
export interface SocketOptions<Plain, Signed> {
  readonly limits: RpcLimits
  readonly admission: Admission
  readonly observer: RpcObserver
  readonly onError: ErrorReporter
  /** Called with the reason when a handshake is refused, of which the client is told too. */
  readonly onRefused: (error: SocialError, peer: Peer) => void
  /** What a client is served that starts with an RPC frame (v1), and shows a token in its calls. */
  readonly openPlain: (client: Client) => ClientServices<Plain>
  /** Verifies the handshake with which a v2 client starts; throws a SocialError to refuse it. */
  readonly handshake: (headers: HandshakeHeaders, client: Client) => Promise<ClientServices<Signed>>
}

interface SocketSessionOptions<Plain, Signed> extends SocketOptions<Plain, Signed> {
  /** Called once, when a socket is gone. */
  readonly onGone: (session: SocketSession<Plain, Signed>) => void
}

/** Longest time for which a socket stays that was closed for sending too much, in milliseconds. */
const FLOOD_LINGER_MS = 500

/**
 * One WebSocket, from its upgrade until it is gone: tells v1 from v2 by the first message, keeps the deadlines, and
 * cleans up. What it is closed for is in {@link CLOSE}.
 */
export class SocketSession<Plain, Signed> implements Wire, Client {
  readonly peer: Peer
  readonly openedAt = performance.now()
  readonly #socket: SessionSocket
  readonly #options: SocketSessionOptions<Plain, Signed>
  #connection: Pick<Connection<unknown>, 'receive' | 'drain' | 'end'> | undefined
  /** What came while the handshake is verified; undefined at any other time. */
  #pending: Uint8Array[] | undefined
  #pendingBytes = 0
  #verification: Promise<void> | undefined
  #served: { dispose?(): void | Promise<void> } | undefined
  #disposal: Promise<void> | undefined
  /** Until the client has shown who it is. */
  #handshakeDeadline: NodeJS.Timeout | undefined
  readonly #heartbeat: Heartbeat
  readonly #inflow: Inflow
  #isAuthenticated = false
  #isFlood = false
  #ended = false
  /** What the socket was closed with here. */
  #closedWith: number | undefined

  constructor(socket: SessionSocket, peer: Peer, options: SocketSessionOptions<Plain, Signed>) {
    this.#socket = socket
    this.peer = peer
    this.#options = options
    const { limits } = options
    this.#inflow = new Inflow(this, peer.addressGroup, options)
    this.#handshakeDeadline = setTimeout(() => this.close(CLOSE.noHandshake), limits.handshakeMs)
    this.#heartbeat = new Heartbeat(socket, limits)
    socket.listen(this)
    this.send(SERVER_READY)
  }

  /** Resolves when the socket is gone. */
  gone(): Promise<void> {
    return new Promise(resolve => {
      if (this.#socket.readyState === WebSocket.CLOSED) resolve()
      else this.#socket.once('close', () => resolve())
    })
  }

  /** Resolves when the socket is gone and everything that belonged to it is cleaned up. */
  async cleanedUp(): Promise<void> {
    await this.gone()
    await this.#verification
    await this.#disposal
  }

  send(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  bufferedAmount(): number {
    return this.#socket.bufferedAmount
  }

  /** Nobody who has not shown who they are is sent anything large. */
  get maxBuffered(): number {
    const { bufferedBytes, anonymousBufferedBytes } = this.#options.limits
    return this.#isAuthenticated ? bufferedBytes : anonymousBufferedBytes
  }

  /** Cleans up at once and asks the client to close; one that does not is cut off after `closeMs`. */
  close({ code, reason }: CloseReason): void {
    if (this.#ended) return
    this.#closedWith = code
    this.#end()
    this.#socket.close(code, reason)
    this.#heartbeat.closing()
  }

  ask(): Promise<boolean> {
    return this.#heartbeat.ask()
  }

  /** Refuses new calls, lets the open ones be answered and streams be acknowledged, and closes. */
  async drain(): Promise<void> {
    await this.#connection?.drain()
    this.close(CLOSE.goingAway)
  }

  terminate(): void {
    this.#socket.terminate()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Nothing more is read of it: it is cut off as soon as it may have read why. */
  flooded(): void {
    if (this.#isFlood) return
    this.#isFlood = true
    this.close(CLOSE.tooFast)
    this.#heartbeat.closing(FLOOD_LINGER_MS)
  }

  authenticated(): void {
    if (this.#isAuthenticated) return
    this.#isAuthenticated = true
    this.#endHandshake()
    this.#inflow.authenticated()
  }

  received(message: Uint8Array, isBinary: boolean): void {
    this.#inflow.count(message.length)
    if (this.#ended) return
    const isFirst = this.#connection === undefined && this.#pending === undefined
    if (isFirst && isHandshake(message)) this.#verification = this.#verify(message)
    else if (!isBinary) this.close(CLOSE.text)
    else if (this.#pending !== undefined) this.#buffer(message, this.#pending)
    else this.#deliver(message)
  }

  async #verify(message: Uint8Array): Promise<void> {
    const pending: Uint8Array[] = []
    this.#pending = pending
    try {
      const served = await this.#options.handshake(parseHandshake(message), this)
      if (this.#ended) {
        await this.#dispose(served)
        return
      }
      this.#pending = undefined
      this.#serve(served)
      this.authenticated()
    } catch (error) {
      this.#refuse(error)
      return
    }
    // Where the clients of other servers expect it: they are sent it when their handshake is accepted.
    this.send(SERVER_READY)
    for (const frame of pending) this.#deliver(frame)
  }

  #refuse(error: unknown): void {
    const shown = publicError(error)
    if (shown.code === 'internal') this.#report(error)
    else if (!this.#ended) this.#options.onRefused(shown, this.peer)
    this.close(closeReasonOf(shown))
  }

  #buffer(frame: Uint8Array, pending: Uint8Array[]): void {
    const { pendingFrames, pendingBytes } = this.#options.limits
    this.#pendingBytes += frame.length
    if (pending.length >= pendingFrames) this.close(CLOSE.tooManyFrames)
    else if (this.#pendingBytes > pendingBytes) this.close(CLOSE.tooManyBytes)
    else pending.push(frame)
  }

  #deliver(frame: Uint8Array): void {
    if (this.#ended) return
    try {
      this.#connection ??= this.#serve(this.#options.openPlain(this))
      this.#connection.receive(frame)
    } catch (error) {
      this.#report(error)
      this.close(CLOSE.failed)
    }
  }

  #serve<Context>(served: ClientServices<Context>): Connection<Context> {
    const { limits, observer, onError } = this.#options
    const { services, context } = served
    const connection = new Connection({ peer: this.peer, context, services, wire: this, limits, observer, onError })
    this.#served = served
    this.#connection = connection
    served.begin?.()
    return connection
  }

  ponged(data: Buffer): void {
    this.#inflow.count(data.length)
    this.#heartbeat.pong(data)
  }

  /** Answered here and not by ws, or else a client that pings and never reads could make any amount of pongs wait. */
  pinged(data: Buffer): void {
    this.#inflow.count(data.length)
    if (this.#ended) return
    if (this.bufferedAmount() > this.maxBuffered) this.close(CLOSE.notRead)
    else this.#socket.pong(data)
  }

  failed(error: Error): void {
    this.close(reasonOf(error))
  }

  closed(code: number): void {
    this.#end()
    this.#heartbeat.end()
    this.#inflow.end()
    this.#options.observer.socketEnded(this.#closedWith ?? (code === 1006 ? 'lost' : 'client'))
    this.#options.onGone(this)
  }

  /** Ends what runs for this client. Each step is on its own, so that none that fails skips the next. */
  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#endHandshake()
    this.#pending = undefined
    try {
      this.#connection?.end()
    } catch (error) {
      this.#report(error)
    }
    if (this.#served !== undefined) this.#disposal = this.#dispose(this.#served)
  }

  #endHandshake(): void {
    clearTimeout(this.#handshakeDeadline)
    this.#handshakeDeadline = undefined
  }

  async #dispose(served: { dispose?(): void | Promise<void> }): Promise<void> {
    try {
      await served.dispose?.()
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    this.#options.onError(error, { connection: this.peer.id })
  }
}

/** Why ws has closed a socket by itself because of what came. */
function reasonOf({ code }: Error & { readonly code?: unknown }): CloseReason {
  if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return CLOSE.tooLarge
  if (code === 'WS_ERR_TOO_MANY_BUFFERED_PARTS') return CLOSE.tooManyFragments
  return code === 'WS_ERR_INVALID_UTF8' ? CLOSE.brokenText : CLOSE.brokenWebSocket
}
