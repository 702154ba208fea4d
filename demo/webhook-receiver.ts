import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

/** What the service tells of a friendship. */
export interface FriendshipEvent {
  readonly type: string
  readonly data: { readonly actor: string; readonly target: string }
}

/** Another system, which the service tells what happens. It takes what is signed, and each event once. */
export class WebhookReceiver {
  /** In the order in which they came first. */
  readonly received: FriendshipEvent[] = []
  readonly #server: Server
  readonly #secret: string
  readonly #webhook: Webhook
  readonly #ids = new Set<string>()

  private constructor() {
    this.#secret = `whsec_${randomBytes(32).toString('base64')}`
    this.#webhook = new Webhook(this.#secret)
    this.#server = createServer((request, response) => void this.#take(request, response))
  }

  static async start(): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  /** With these the service tells it everything. */
  get settings(): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo
    return { WEBHOOKS: `demo=http://127.0.0.1:${port}/`, WEBHOOK_SECRETS: `demo=${this.#secret}` }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    try {
      const event = this.#webhook.verify(body, request.headers as Record<string, string>) as FriendshipEvent
      const id = String(request.headers['webhook-id'])
      if (!this.#ids.has(id)) this.received.push(event)
      this.#ids.add(id)
      response.writeHead(204).end()
    } catch {
      response.writeHead(400).end()
    }
  }
}
