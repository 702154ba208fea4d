import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { listenOnFreePort } from './ports.ts'

/** What a homeserver, or the way to it, can do to a request. */
export const FAULTS = {
  /** Takes the request and never answers. */
  hang: 'the homeserver does not hear of it',
  /** The homeserver does what it is asked, and its answer never comes. */
  'hang after': 'the homeserver acts',
  '429': 'the homeserver does not hear of it',
  '500': 'the homeserver does not hear of it',
  html: 'the homeserver does not hear of it',
  /** An answer that looks well, from something that is no homeserver. */
  'html 200': 'the homeserver does not hear of it',
  /** The connection breaks before the homeserver hears of it. */
  'cut before': 'the homeserver does not hear of it',
  /** The connection breaks while the homeserver is at work. */
  'cut during': 'the homeserver acts',
  /** The connection breaks when the homeserver is done, before its answer. */
  'cut after': 'the homeserver acts',
  /** The connection breaks in the middle of the answer. */
  'cut within': 'the homeserver acts'
} as const
export type Fault = keyof typeof FAULTS

/** What is to happen to a request; null for nothing. */
export type Mischief = (method: string, path: string) => Fault | null

const RETRY_AFTER_MS = 50

/** Stands between the service and a homeserver, and does to each request what a test wants. */
export class FaultProxy implements AsyncDisposable {
  readonly url: string
  mischief: Mischief = () => null
  /** What a request waits for before it is served; null for nothing. */
  delay: (method: string, path: string) => Promise<unknown> | null = () => null
  /** Every request that came, oldest first, as `METHOD path`. */
  readonly requests: string[] = []
  /** How often somebody connected, also while it was down. */
  connections = 0
  readonly #server: Server
  readonly #target: URL
  #isDown = false

  private constructor(server: Server, port: number, target: URL) {
    this.#server = server
    this.#target = target
    this.url = `http://127.0.0.1:${port}`
    server.on('connection', socket => {
      this.connections += 1
      if (this.#isDown) socket.destroy()
    })
    server.on('request', (incoming, outgoing) => void this.#serve(incoming, outgoing))
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer()
    return new FaultProxy(server, await listenOnFreePort(server), new URL(target))
  }

  /** Breaks all connections, and every new one at once. */
  goDown(): void {
    this.#isDown = true
    this.#server.closeAllConnections()
  }

  comeBack(): void {
    this.#isDown = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '' } = incoming
    this.requests.push(`${method} ${url}`)
    await this.delay(method, url)
    const fault = this.mischief(method, url)
    if (fault === null || FAULTS[fault] === 'the homeserver acts') this.#forward(incoming, outgoing, fault)
    else {
      incoming.resume()
      refuse(outgoing, fault)
    }
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | null): void {
    const { hostname, port } = this.#target
    const { method, url, headers } = incoming
    const upstream = request({ hostname, port, method, path: url, headers, agent: false }, async answer => {
      const body = Buffer.concat(await answer.toArray())
      if (fault === 'hang after') return
      if (fault === 'cut after') return void outgoing.destroy()
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (fault !== 'cut within') return void outgoing.end(body)
      outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy())
    })
    upstream.on('error', () => outgoing.destroy())
    incoming.pipe(upstream)
    if (fault === 'cut during') incoming.on('end', () => outgoing.destroy())
  }
}

function refuse(outgoing: ServerResponse, fault: Fault): void {
  const json = (status: number, body: object): void => {
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  if (fault === '429') json(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: RETRY_AFTER_MS })
  if (fault === '500') json(500, { errcode: 'M_UNKNOWN', error: 'Internal server error' })
  if (fault === 'html' || fault === 'html 200') {
    outgoing.writeHead(fault === 'html' ? 502 : 200, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
  }
  if (fault === 'cut before') outgoing.destroy()
}
