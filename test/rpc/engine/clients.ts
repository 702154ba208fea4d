import { once } from 'node:events'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import {
  CreatePortResponse,
  RemoteError,
  RequestModuleResponse,
  Response,
  RpcMessageHeader,
  StreamMessage
} from '@dcl/rpc/dist/protocol/index.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { type ClientOptions, WebSocket } from 'ws'
import { until } from '../../env/until.ts'
import { createPort, request, requestModule, TYPE } from './frames.ts'

/** A frame of the server, as its client understands it. */
export interface ServerFrame {
  readonly type: number
  readonly number: number
  // biome-ignore lint/suspicious/noExplicitAny: one of many messages; a test knows which
  readonly message: any
}

const CODECS: Record<number, { decode(bytes: Uint8Array): unknown }> = {
  [TYPE.RESPONSE]: Response,
  [TYPE.STREAM_MESSAGE]: StreamMessage,
  [TYPE.CREATE_PORT_RESPONSE]: CreatePortResponse,
  [TYPE.REQUEST_MODULE_RESPONSE]: RequestModuleResponse,
  [TYPE.REMOTE_ERROR]: RemoteError,
  [TYPE.SERVER_READY]: RpcMessageHeader
}

export function parseFrame(bytes: Uint8Array): ServerFrame {
  const { messageIdentifier } = RpcMessageHeader.decode(bytes)
  const type = messageIdentifier >>> 27
  const codec = CODECS[type]
  if (codec === undefined) throw new Error(`Servers do not send messages of type ${type}`)
  return { type, number: messageIdentifier & 0x07ff_ffff, message: codec.decode(Buffer.from(bytes)) }
}

export interface Closing {
  readonly code: number
  readonly reason: string
}

/** A client that sends what it is told to, frame by frame. */
export class RawClient implements Disposable {
  readonly socket: WebSocket
  readonly closed: Promise<Closing>
  /** What came and was not taken by {@link next}. */
  readonly frames: ServerFrame[] = []

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => this.frames.push(parseFrame(data)))
    socket.on('error', () => {})
    this.closed = new Promise(resolve =>
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    )
  }

  /** Connects and waits for SERVER_READY. */
  static async open(url: string, options: ClientOptions = {}): Promise<RawClient> {
    const client = new RawClient(new WebSocket(url, { perMessageDeflate: false, ...options }))
    const ready = await client.next()
    if (ready.type !== TYPE.SERVER_READY) throw new Error('SERVER_READY does not come first')
    return client
  }

  send(message: Uint8Array | string): void {
    this.socket.send(message)
  }

  /** @throws Error when the socket is closed before a frame comes */
  async next(): Promise<ServerFrame> {
    await until(() => this.frames.length > 0 || this.socket.readyState === WebSocket.CLOSED, 'a frame comes')
    const frame = this.frames.shift()
    if (frame === undefined) throw new Error('The socket was closed')
    return frame
  }

  /** Resolves when the server has taken everything that was sent before. */
  async taken(): Promise<void> {
    const answered = once(this.socket, 'pong')
    this.socket.ping()
    await answered
  }

  /** Opens a port and loads the test's service, or another; uses the message numbers 1 and 2. */
  async load(
    module = 'EchoService'
  ): Promise<{ readonly portId: number; readonly ids: Readonly<Record<string, number>> }> {
    this.send(createPort(1))
    const { portId } = (await this.next()).message
    this.send(requestModule(2, portId, module))
    const { procedures } = (await this.next()).message
    const ids = Object.fromEntries(
      procedures.map((each: { procedureName: string; procedureId: number }) => [each.procedureName, each.procedureId])
    )
    return { portId, ids }
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}

/** A client that is there from the start of a test, to see whether it is affected by another. */
export class Bystander implements Disposable {
  readonly #client: RawClient
  readonly #portId: number
  readonly #echo: number
  #number = 2

  private constructor(client: RawClient, portId: number, echo: number) {
    this.#client = client
    this.#portId = portId
    this.#echo = echo
  }

  static async open(url: string): Promise<Bystander> {
    const client = await RawClient.open(url)
    const { portId, ids } = await client.load()
    const bystander = new Bystander(client, portId, ids['Echo']!)
    await bystander.call()
    return bystander
  }

  /** Calls and is answered. @returns how long it took, in milliseconds */
  async call(): Promise<number> {
    const from = performance.now()
    const payload = Buffer.from(`call ${++this.#number}`)
    this.#client.send(request(this.#number, this.#portId, this.#echo, payload))
    const { type, number, message } = await this.#client.next()
    if (type !== TYPE.RESPONSE || number !== this.#number || !payload.equals(message.payload)) {
      throw new Error('The bystander got another answer than its own')
    }
    return performance.now() - from
  }

  [Symbol.dispose](): void {
    this.#client.socket.terminate()
  }
}

type Module = Record<string, (payload?: Uint8Array) => Promise<unknown>>

/** The published TypeScript client, on the test's service. */
export class RealClient implements Disposable {
  readonly socket: WebSocket
  readonly #module: Module
  readonly close: () => void

  private constructor(socket: WebSocket, module: unknown, close: () => void) {
    this.socket = socket
    this.#module = module as Module
    this.close = close
  }

  /** @param opening what is sent before the first frame, for v2 */
  static async open(url: string, opening?: string): Promise<RealClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    const transport = WebSocketTransport(socket as unknown as IWebSocket)
    if (opening !== undefined) transport.on('connect', () => socket.send(Buffer.from(opening)))
    const client = await createRpcClient(transport)
    const port = await client.createPort('social')
    return new RealClient(socket, await port.loadModule('EchoService'), () => port.close())
  }

  call(name: string, payload?: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#module[name]!(payload) as Promise<Uint8Array | undefined>
  }

  stream(name: string, payload?: Uint8Array): Promise<AsyncGenerator<Uint8Array>> {
    return this.#module[name]!(payload) as Promise<AsyncGenerator<Uint8Array>>
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}
