import {
  RemoteError,
  RequestModuleResponse,
  Response,
  RpcMessageTypes,
  StreamMessage
} from '@dcl/rpc/dist/protocol/index.js'
import { acknowledgement, CALL, CREATE_PORT, headOf, loadModule } from './frames.ts'
import { clientFrame, WireSocket } from './wire-socket.ts'

/** Ids of the procedures of a service, by their names. */
export type Procedures = ReadonlyMap<string, number>

interface Answer {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

/**
 * A client of the dcl-rpc protocol that does one thing after the other: connects, loads a service, calls. Its requests
 * are frames that were made before, and elements of streams are acknowledged as they come.
 */
export class RpcSocket {
  readonly #wire: WireSocket
  #answer: Answer | null = null
  #elements: Uint8Array[] = []
  /** Of each stream that goes on, by its number: what is called with an element. */
  readonly #subscriptions = new Map<number, (payload: Uint8Array) => void>()
  #onFailure: (error: Error) => void = () => {}
  #failure: Error | null = null

  private constructor(url: string) {
    this.#wire = new WireSocket(
      url,
      frame => this.#receive(frame),
      error => this.#fail(error)
    )
  }

  /**
   * Connects, and waits until the server is ready.
   * @param handshake the first message of a v2 client; then the server is ready when it has verified that
   */
  static async open(url: string, handshake?: string): Promise<RpcSocket> {
    const socket = new RpcSocket(url)
    await socket.#exchange()
    if (handshake !== undefined) await socket.#exchange(clientFrame(Buffer.from(handshake)))
    return socket
  }

  async load(service: string): Promise<Procedures> {
    await this.#exchange(CREATE_PORT)
    const { procedures } = RequestModuleResponse.decode(await this.#exchange(loadModule(service)))
    return new Map(procedures.map(({ procedureName, procedureId }) => [procedureName, procedureId]))
  }

  /** The answer to a unary call. */
  async call(request: Buffer): Promise<Uint8Array> {
    return Response.decode(await this.#exchange(request)).payload
  }

  /** All elements of a stream that ends. */
  async collect(request: Buffer): Promise<Uint8Array[]> {
    this.#elements = []
    await this.#exchange(request)
    return this.#elements
  }

  /** Opens a stream that goes on, and waits for its offer. @param number of the request: another one than of a call */
  async subscribe(request: Buffer, number: number, onUpdate: (payload: Uint8Array) => void): Promise<void> {
    this.#subscriptions.set(number, onUpdate)
    await this.#exchange(request)
  }

  /** @param listener called once when the socket is over, unless this side ended it */
  onFailure(listener: (error: Error) => void): void {
    this.#onFailure = listener
    if (this.#failure) listener(this.#failure)
  }

  /** Why it is over, or null while it is open. */
  get failure(): Error | null {
    return this.#failure
  }

  end(): void {
    this.#wire.end()
  }

  /** Writes a frame, and waits for the one that answers it. */
  #exchange(frame?: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure
      this.#answer = { resolve, reject }
      if (frame) this.#wire.write(frame)
    })
  }

  #receive(frame: Buffer): void {
    const { type, number } = headOf(frame)
    if (type === RpcMessageTypes.RpcMessageTypes_STREAM_MESSAGE) this.#streamed(number, frame)
    else if (type !== RpcMessageTypes.RpcMessageTypes_REMOTE_ERROR_RESPONSE) this.#answer?.resolve(frame)
    else this.#fail(new Error(RemoteError.decode(frame).errorMessage))
  }

  #streamed(number: number, frame: Buffer): void {
    const { closed, sequenceId, payload } = StreamMessage.decode(frame)
    if (!closed) this.#wire.write(acknowledgement(number, sequenceId))
    if (number === CALL) {
      if (closed) this.#answer?.resolve(frame)
      else if (sequenceId > 0) this.#elements.push(payload)
    } else if (closed) {
      this.end()
      this.#fail(new Error('A stream ended'))
    } else if (sequenceId === 0) {
      this.#answer?.resolve(frame)
    } else {
      this.#subscriptions.get(number)?.(payload)
    }
  }

  #fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#answer?.reject(error)
    this.#onFailure(error)
  }
}
