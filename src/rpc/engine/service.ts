import type { ErrorCode } from '../../domain/errors.ts'
import type { EndSignal } from '../../lib/end-signal.ts'
import type { CloseReason } from './close-codes.ts'

/** Who is at the other end of a socket. */
export interface Peer {
  readonly id: string
  /** The address that the socket came from, as the listener saw it. */
  readonly ip: string
  /** What limits of addresses count as one client: the address, or the network that it is in. */
  readonly addressGroup: string
}

/** A client, as the code that lets clients in sees it. */
export interface Client {
  readonly peer: Peer
  /** Asks whether the client is still there. @returns false when its socket was gone or closed before it answered */
  ask(): Promise<boolean>
  close(reason: CloseReason): void
}

/** One client's connection, as the procedures that it calls see it. */
export interface ConnectionInfo<Context> {
  readonly peer: Peer
  /** Whatever the edge wants to remember about this client between its calls. */
  readonly context: Context
  /**
   * Says that the client has shown who it is. A socket of which this is not said within the handshake deadline is
   * closed, whatever else it sent.
   */
  authenticated(): void
  /** The streams that are open, oldest first, also that of the call that asks. */
  openStreams(): Iterable<OpenStream<Context>>
}

/** A stream of a client that is open, as a newer one sees it that takes its place. */
export interface OpenStream<Context> {
  readonly call: Call<Context>
  /** Ends it without its last elements; the client is told after a while. */
  replace(): void
}

/** How a call went: the label under which it is counted. */
export type CallCode = 'ok' | 'canceled' | ErrorCode

/** One call, from its request until its answer or the end of its stream. */
export interface Call<Context> {
  readonly connection: ConnectionInfo<Context>
  readonly procedure: { readonly name: string }
  /**
   * Aborts when the call is over: nobody waits any more (the client closed the stream, destroyed the port, or is
   * gone), or all was answered. A procedure that waits for anything must listen to it: an async generator that is
   * suspended on a promise which never settles cannot be ended from outside. Its listeners must not throw.
   */
  readonly signal: EndSignal
  /** `ok` until somebody says otherwise. A procedure whose answer is a typed error says which one here. */
  code: CallCode
  /** Why the socket is to be closed once this call is over, its answer sent; undefined when it is to stay. */
  closeAfter: CloseReason | undefined
  /** How many elements of its stream the client has acknowledged: always the first ones. */
  readonly acknowledged: number
  /** Of a subscription: whose it is, where a socket has those of several users; and what a newer one goes on with. */
  holder: string | null
  source: unknown
}

/**
 * Takes the encoded request and gives the encoded response. What it throws is answered with a remote error: of a
 * SocialError the client sees the public text, of anything else nothing.
 */
type UnaryRun<Context> = (payload: Uint8Array, call: Call<Context>) => Promise<Uint8Array>

/** As {@link UnaryRun}, with a stream of encoded elements. One element is pulled ahead of the client. */
type StreamRun<Context> = (payload: Uint8Array, call: Call<Context>) => Elements

interface Elements {
  [Symbol.asyncIterator](): ElementIterator
}

/** The elements of a stream, encoded. */
export interface ElementIterator extends AsyncIterator<Uint8Array> {
  /**
   * Calls back once when it is worth to ask for the next one, or that was the last; maybe at once. With it, nobody waits
   * for the elements of a stream to which nothing happens.
   */
  whenReady?(ready: () => void): void
}

export interface UnaryProcedure<Context> {
  readonly kind: 'unary'
  readonly name: string
  readonly run: UnaryRun<Context>
}

export interface StreamProcedure<Context> {
  readonly kind: 'stream'
  readonly name: string
  readonly run: StreamRun<Context>
}

export type Procedure<Context> = UnaryProcedure<Context> | StreamProcedure<Context>

/** A module that clients load by its name. */
export interface Service<Context> {
  readonly name: string
  readonly procedures: readonly Procedure<Context>[]
}

/** What one client is served. */
export interface ClientServices<Context> {
  readonly services: readonly Service<Context>[]
  readonly context: Context
  /** Runs once, when the client is let in: never for a socket that was gone before its handshake was verified. */
  begin?(): void
  /** Runs once, when the socket is gone or about to be closed, also when that came before it was used. */
  dispose?(): void | Promise<void>
}

/** How a socket ended: the code that it was closed with here, by its client, or by neither. */
export type SocketEnd = number | 'client' | 'lost'

/** One call that is over. */
export interface EndedCall {
  readonly procedure: string
  readonly code: CallCode
  readonly durationMs: number
  readonly bytesIn: number
  /** Of a stream those of all its elements. */
  readonly bytesOut: number
}

/** Where the engine reports what happens, for metrics. None of these may throw. */
export interface RpcObserver {
  connectionOpened(): void
  connectionClosed(durationMs: number): void
  /** Of every socket, also of one that was refused because the server was full, and so never was a connection. */
  socketEnded(end: SocketEnd): void
  /** Of a unary call after its answer; of a stream after its end. */
  callEnded(call: EndedCall): void
}

/** Where an error goes that no client may see. Must not throw. */
export type ErrorReporter = (
  error: unknown,
  where: { readonly connection: string; readonly procedure?: string }
) => void

/** How much of its stream the client of a call has acknowledged, for what holds nothing else of the call. */
export function acknowledgedOf(call: Call<unknown>): () => number {
  return () => call.acknowledged
}
