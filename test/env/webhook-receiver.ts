import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'
import { listenOnFreePort } from './ports.ts'

/** A webhook as it came, signed. */
export interface ReceivedWebhook {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>> & { readonly seq: number }
  /** In which place of the receiver's day it came: how often it had been called before. */
  readonly call: number
}

/** What becomes of a call: a status, with headers; or something that no receiver should do. */
export type Answer =
  | number
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  /** Nothing is ever answered. */
  | 'hang'
  /** The connection breaks when the webhook was taken. */
  | 'cut'
  /** Bytes that are no HTTP. */
  | 'garbage'
  /** 200, and a body that never ends. */
  | 'endless'

export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

/** A real HTTP server that takes webhooks, and verifies each with the library of the standard. */
export class WebhookReceiver implements AsyncDisposable {
  readonly url: string
  /** What it knows of the sender. */
  secret = newSecret()
  /** What it took, in that order, whatever the sender then heard of it. */
  readonly received: ReceivedWebhook[] = []
  /** Every call, whether it was taken or not. */
  readonly calls: ReceivedWebhook[] = []
  /** What it could not verify. */
  readonly forged: string[] = []
  /** How often somebody connected, also while it was down. */
  connections = 0
  answer: (webhook: ReceivedWebhook) => Answer | Promise<Answer> = () => 204
  readonly #server: Server
  #isDown = false

  private constructor(server: Server, port: number) {
    this.#server = server
    this.url = `http://127.0.0.1:${port}/hook?from=social`
    server.on('connection', socket => {
      this.connections += 1
      if (this.#isDown) socket.destroy()
    })
    server.on('request', (request, response) => void this.#serve(request, response))
  }

  static async start(): Promise<WebhookReceiver> {
    const server = createServer()
    return new WebhookReceiver(server, await listenOnFreePort(server))
  }

  /** Breaks all connections, and every new one at once. */
  goDown(): void {
    this.#isDown = true
    this.#server.closeAllConnections()
  }

  comeBack(): void {
    this.#isDown = false
  }

  /** The numbers that it took of each pair or user, in that order, each the first time. */
  byPair(): Map<string, number[]> {
    const pairs = new Map<string, number[]>()
    for (const { data } of this.received) {
      const key = 'user' in data ? String(data['user']) : [data['actor'], data['target']].sort().join()
      const seqs = pairs.get(key) ?? []
      if (!seqs.includes(data.seq)) pairs.set(key, [...seqs, data.seq])
    }
    return pairs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = Buffer.concat(await request.toArray()).toString()
    const webhook = this.#verified(request, text)
    if (webhook === null) return void response.writeHead(401).end()
    this.calls.push(webhook)
    const answer = await this.answer(webhook)
    const status = typeof answer === 'number' ? answer : typeof answer === 'object' ? answer.status : 200
    if (status < 300 && answer !== 'garbage' && answer !== 'hang') this.received.push(webhook)
    if (answer === 'hang') return
    if (answer === 'cut') return void response.destroy()
    if (answer === 'garbage') return void response.socket?.end('SMTP/2.0 at your service\r\n\r\n')
    if (answer !== 'endless')
      return void response.writeHead(status, typeof answer === 'object' ? answer.headers : {}).end()
    response.writeHead(200)
    const more = (): void => void (response.destroyed || response.write('x'.repeat(1024), () => setImmediate(more)))
    more()
  }

  #verified({ method, url, headers }: IncomingMessage, text: string): ReceivedWebhook | null {
    try {
      const isRight = method === 'POST' && url === '/hook?from=social' && headers['content-type'] === 'application/json'
      if (!isRight) throw new Error(`${method} ${url}`)
      const body = new Webhook(this.secret).verify(text, headers as Record<string, string>) as ReceivedWebhook
      return { ...body, id: String(headers['webhook-id']), call: this.calls.length }
    } catch (error) {
      this.forged.push(String(error))
      return null
    }
  }
}
