import { HTTP_STATUS, type SocialError } from '../../domain/errors.ts'
import { CLOSE, type CloseReason } from './close-codes.ts'
import { encodeRemoteError } from './protocol.ts'

/** What carries the frames: a socket, or something like it. */
export interface Wire {
  send(frame: Uint8Array): void
  /** Closes the socket, and by that the connection. */
  close(reason: CloseReason): void
  /** Bytes that were sent and have not left this process. */
  bufferedAmount(): number
  /** Bytes that may wait to be sent. */
  readonly maxBuffered: number
}

/** The way back to one client. */
export class FrameWriter {
  /** How many frames the client has sent. */
  framesReceived = 0
  readonly #wire: Wire
  #open = true

  constructor(wire: Wire) {
    this.#wire = wire
  }

  /**
   * Sends a frame, or closes the socket when the client does not read what was sent before. To one that has read everything a frame of any size is sent: what the largest answer is, the lists decide.
   */
  write(frame: Uint8Array): void {
    if (!this.#open) return
    const waiting = this.#wire.bufferedAmount()
    if (waiting > 0 && waiting + frame.length > this.#wire.maxBuffered) this.close(CLOSE.notRead)
    else this.#wire.send(frame)
  }

  /** Answers the request of that number with an error. */
  refuse(number: number, error: SocialError): void {
    this.write(encodeRemoteError(number, HTTP_STATUS[error.code], error.message))
  }

  close(reason: CloseReason): void {
    if (!this.#open) return
    this.#open = false
    this.#wire.close(reason)
  }

  /** Nothing can be sent any more: the socket is gone. */
  shut(): void {
    this.#open = false
  }
}
