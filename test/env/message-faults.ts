import { connect, createServer, type Server, type Socket } from 'node:net'
import { listenOnFreePort } from './ports.ts'

/** What becomes of a message on its way to who subscribes. */
export type MessageFate = 'deliver' | 'lose' | 'repeat' | { readonly delayMs: number }

/** How a frame begins that brings what somebody published: on a channel, or on one of a cluster. */
const MESSAGE = /^[*>]3\r\n\$[78]\r\ns?message\r\n/

/**
 * Stands between the service and Redis, and does to each published message what a test wants. All else passes as it
 * comes: Redis seems to be well.
 */
export class MessageFaults implements AsyncDisposable {
  readonly url: string
  fate: () => MessageFate = () => 'deliver'
  /** Messages that were not simply delivered. */
  faults = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, port: number, target: URL) {
    this.#server = server
    this.url = `redis://127.0.0.1:${port}`
    server.on('connection', near => this.#serve(near, connect(Number(target.port), target.hostname)))
  }

  static async start(redisUrl: string): Promise<MessageFaults> {
    const server = createServer({ noDelay: true })
    return new MessageFaults(server, await listenOnFreePort(server), new URL(redisUrl))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(near: Socket, far: Socket): void {
    for (const socket of [near, far]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    let held: Buffer = Buffer.alloc(0)
    far.on('data', data => {
      held = Buffer.concat([held, data])
      for (let end = frameEnd(held, 0); end !== null; end = frameEnd(held, 0)) {
        this.#pass(held.subarray(0, end), near)
        held = held.subarray(end)
      }
    })
  }

  #pass(frame: Buffer, to: Socket): void {
    const fate = MESSAGE.test(frame.toString('latin1', 0, 32)) ? this.fate() : 'deliver'
    if (fate !== 'deliver') this.faults += 1
    if (fate === 'lose') return
    if (typeof fate === 'object') setTimeout(() => to.write(frame), fate.delayMs)
    else to.write(frame)
    if (fate === 'repeat') to.write(frame)
  }
}

/** Where the frame that begins at a place ends; null when not all of it is there (RESP, versions 2 and 3). */
function frameEnd(bytes: Buffer, from: number): number | null {
  const line = bytes.indexOf('\r\n', from)
  if (line < 0) return null
  const kind = String.fromCharCode(bytes[from] ?? 0)
  const count = Number(bytes.toString('latin1', from + 1, line))
  let end = line + 2
  if ('$=!'.includes(kind)) end += count < 0 ? 0 : count + 2
  const children = '*>~'.includes(kind) ? count : kind === '%' ? 2 * count : 0
  for (let child = 0; child < children; child++) {
    const next = frameEnd(bytes, end)
    if (next === null) return null
    end = next
  }
  return end <= bytes.length ? end : null
}
