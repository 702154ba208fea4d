import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { HomeserverAccess } from './matrix.ts'
import { listenOnFreePort } from './ports.ts'

/** A request that reached the homeserver. */
export interface Received {
  readonly method: string
  /** With its query, as it came. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** With what the service asks whether the homeserver is the one that is configured. */
const CHECKS: ReadonlySet<string | undefined> = new Set(['Bearer as-secret', 'Bearer social-service'])
const CHECKED = /\/(account\/whoami|register\/available\?.*)$/

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const TOKENS = /^\/_matrix\/client\/v3\/(register|login|logout)\b/

/** Stands where a homeserver would, and remembers all that comes. It gives tokens to whomever the service vouches for. */
export class FakeHomeserver implements HomeserverAccess, AsyncDisposable {
  readonly serverName = 'localhost'
  readonly asToken = 'as-secret'
  readonly hsToken = 'hs-secret'
  readonly url: string
  /** What came for others than the service itself, oldest first. */
  readonly received: Received[] = []
  /** What everything else is answered. */
  answer: Answer = (_, response) => sendJson(response, 200, {})
  /** Whether the service itself is answered nothing. */
  isSilent = false
  /** Requests of the service itself that were answered nothing. */
  unanswered = 0
  /** Bytes of bodies that have come, also of those that are not complete yet. */
  bytes = 0
  readonly #server: Server
  #tokens = 0

  private constructor(server: Server, port: number) {
    this.#server = server
    this.url = `http://127.0.0.1:${port}`
    server.on('request', (request, response) => void this.#handle(request, response))
  }

  static async start(): Promise<FakeHomeserver> {
    const server = createServer()
    return new FakeHomeserver(server, await listenOnFreePort(server))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request
    if (CHECKED.test(url) && CHECKS.has(headers.authorization)) {
      const isService = headers.authorization === `Bearer ${this.asToken}`
      const unknown = { errcode: 'M_UNKNOWN_TOKEN', error: '' }
      return sendJson(
        response,
        isService ? 200 : 401,
        isService ? { user_id: `@social-service:${this.serverName}` } : unknown
      )
    }
    if (headers.authorization === `Bearer ${this.asToken}`) {
      if (this.isSilent) {
        this.unanswered += 1
        return
      }
      const body = JSON.parse((await this.#read(request)).toString() || '{}')
      const user = `@${body.identifier?.user}:${this.serverName}`
      this.#tokens += 1
      const session = { user_id: user, access_token: `homeserver-token-${this.#tokens}`, device_id: body.device_id }
      return sendJson(response, 200, TOKENS.test(url) ? session : {})
    }
    const body = await this.#read(request).catch(() => Buffer.alloc(0))
    this.received.push({ method, url, headers, body })
    this.answer(request, response)
  }

  async #read(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of request) {
      chunks.push(chunk)
      this.bytes += chunk.length
    }
    return Buffer.concat(chunks)
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
