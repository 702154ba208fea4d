import { type RawData, WebSocket } from 'ws'

/** What is told of a socket. */
interface SocketListener {
  received(message: Buffer, isBinary: boolean): void
  pinged(data: Buffer): void
  ponged(data: Buffer): void
  /** A frame broke the WebSocket protocol, or was too large: ws has sent the close code already. */
  failed(error: Error): void
  /** @param code that of the client, or 1006 when it said nothing */
  closed(code: number): void
}

/**
 * A WebSocket that knows whom to tell, so that the listeners are the same functions for all sockets: made for each one
 * they take more than half a kilobyte of its memory.
 */
export class SessionSocket extends WebSocket {
  listener: SocketListener | undefined

  /** To be called once. */
  listen(listener: SocketListener): void {
    this.listener = listener
    this.on('message', onMessage).on('ping', onPing).on('pong', onPong).on('error', onError).on('close', onClose)
  }
}

function onMessage(this: WebSocket, message: RawData, isBinary: boolean): void {
  // Never in parts, or as an ArrayBuffer: that is what ws would have to be told.
  listenerOf(this)?.received(message as Buffer, isBinary)
}

function onPing(this: WebSocket, data: Buffer): void {
  listenerOf(this)?.pinged(data)
}

function onPong(this: WebSocket, data: Buffer): void {
  listenerOf(this)?.ponged(data)
}

function onError(this: WebSocket, error: Error): void {
  listenerOf(this)?.failed(error)
}

function onClose(this: WebSocket, code: number): void {
  listenerOf(this)?.closed(code)
}

function listenerOf(socket: WebSocket): SocketListener | undefined {
  return socket instanceof SessionSocket ? socket.listener : undefined
}
