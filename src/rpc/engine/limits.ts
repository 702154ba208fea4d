/** Everything that one client, or all of them together, can make the RPC server hold or wait for. */
export interface RpcLimits {
  /** Sockets that are open at once; the next one is closed. */
  readonly connections: number
  /** Of these from one address; the next one is closed. */
  readonly connectionsPerIp: number
  /** The largest message that a client may send, in bytes; a larger one closes its socket. */
  readonly frameBytes: number
  /** WebSocket frames in which a message may come; more close its socket. */
  readonly fragments: number
  /** What may wait to be sent to one client, in bytes; one that lets more wait is closed. */
  readonly bufferedBytes: number
  /** The same, to a client that has not shown who it is. */
  readonly anonymousBufferedBytes: number
  /** Messages of a client that has shown who it is, before it is read more slowly; five times as many at once. */
  readonly framesPerSecond: number
  readonly bytesPerSecond: number
  /** Messages and bytes of one client that wait while its handshake is verified; over them its socket is closed. */
  readonly pendingFrames: number
  readonly pendingBytes: number
  /** Open ports of one socket. A module is loaded at most once per port, so these bound the modules too. */
  readonly ports: number
  /** Unary procedures that run at once for one socket. */
  readonly calls: number
  /** Stream procedures that run at once for one socket. */
  readonly streams: number
  /** Time until a client has shown who it is, in milliseconds; no traffic extends it. */
  readonly handshakeMs: number
  /** Time between a client's last pong and the next ping, in milliseconds. */
  readonly pingMs: number
  /** Time to answer a ping, in milliseconds; then the socket is cut. */
  readonly pongMs: number
  /** Time to answer a close, in milliseconds; then the socket is cut. */
  readonly closeMs: number
  /** Time for which a stream element may stay unacknowledged while the next one waits, in milliseconds. */
  readonly ackMs: number
  /** After so many milliseconds a client is told that a stream is refused, has failed, or was replaced. */
  readonly refusalMs: number
}
