import { connect, type Socket } from 'node:net'

const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

const LENGTH_16 = 126
const UPGRADE = [
  'GET / HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n'
].join('\r\n')

/** The first bytes of a WebSocket. */
export const upgradeRequest = (): Buffer => Buffer.from(UPGRADE)

/** A frame of a client, ready to be written. It is masked with zeros, so that its bytes stay as they are. */
export function clientFrame(payload: Uint8Array, opcode = BINARY): Buffer {
  const long = payload.length >= LENGTH_16
  const head = Buffer.alloc(long ? 8 : 6)
  head[0] = 0x80 | opcode
  head[1] = 0x80 | (long ? LENGTH_16 : payload.length)
  if (long) head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, payload])
}

/**
 * A WebSocket with nothing that a benchmark can do without, because the load generator shares its machine with what it
 * measures: frames are written as they were made, and what the server sends is cut at its lengths.
 */
export class WireSocket {
  readonly #socket: Socket
  readonly #onFrame: (payload: Buffer) => void
  readonly #onEnd: (error: Error) => void
  #rest: Buffer = Buffer.alloc(0)
  #upgraded = false
  #over = false

  /** @param onEnd called once when it ends, unless this side ended it */
  constructor(url: string, onFrame: (payload: Buffer) => void, onEnd: (error: Error) => void) {
    const { hostname, port } = new URL(url)
    this.#onFrame = onFrame
    this.#onEnd = onEnd
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.on('connect', () => this.#socket.write(UPGRADE))
    this.#socket.on('data', chunk => this.#receive(chunk))
    this.#socket.on('error', error => this.#end(error))
    this.#socket.on('close', () => this.#end(new Error('The server closed the socket')))
  }

  write(frame: Buffer): void {
    this.#socket.write(frame)
  }

  /** Resets the connection, so that no port stays taken for a minute. */
  end(): void {
    this.#over = true
    this.#socket.resetAndDestroy()
  }

  #end(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#socket.destroy()
    this.#onEnd(error)
  }

  #receive(chunk: Buffer): void {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    if (!this.#upgraded) rest = this.#upgrade(rest)
    while (this.#upgraded && !this.#over) {
      const frame = readFrame(rest)
      if (frame === null) break
      rest = rest.subarray(frame.end)
      this.#handle(frame.opcode, frame.payload)
    }
    this.#rest = rest
  }

  #upgrade(bytes: Buffer): Buffer {
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return bytes
    const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
    if (!status.startsWith('HTTP/1.1 101')) this.#end(new Error(`The upgrade was answered with ${status}`))
    this.#upgraded = true
    return bytes.subarray(end + 4)
  }

  #handle(opcode: number, payload: Buffer): void {
    if (opcode === BINARY) this.#onFrame(payload)
    else if (opcode === PING) this.write(clientFrame(payload, PONG))
    else if (opcode === CLOSE) this.#end(new Error(`The server closed the socket with ${closeText(payload)}`))
  }
}

interface ServerFrame {
  readonly opcode: number
  readonly payload: Buffer
  readonly end: number
}

/** The first frame of the bytes, or null while it is not complete. Servers do not mask. */
function readFrame(bytes: Buffer): ServerFrame | null {
  if (bytes.length < 2) return null
  let length = bytes[1]!
  let start = 2
  if (length === LENGTH_16) {
    if (bytes.length < 4) return null
    length = bytes.readUInt16BE(2)
    start = 4
  } else if (length > LENGTH_16) {
    if (bytes.length < 10) return null
    length = Number(bytes.readBigUInt64BE(2))
    start = 10
  }
  const end = start + length
  return bytes.length < end ? null : { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(start, end), end }
}

function closeText(payload: Buffer): string {
  return payload.length < 2 ? 'no code' : `${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`
}
