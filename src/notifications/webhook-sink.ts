import { Webhook } from 'standardwebhooks'
import { type Dispatcher, Pool } from 'undici'
import { EVENT_TYPE_OF, type EventType, SETTINGS_EVENT_TYPE } from '../domain/event-types.ts'
import { failureCode } from '../lib/failure-code.ts'
import { retryAfterMs } from '../lib/retry-after.ts'
import type { Notification } from './notification.ts'
import { type NotificationSink, SinkError } from './sink.ts'

export interface WebhookOptions {
  /** Of this webhook among all, in lower case letters, digits, dashes. */
  readonly name: string
  readonly url: string
  /** `whsec_…`, each of which signs: while one replaces another, the receiver may know either. */
  readonly secrets: readonly string[]
  /** What is sent there. */
  readonly events: readonly EventType[]
  /** Longest time of one call, from the wait for a connection to the answer, in milliseconds. */
  readonly timeoutMs: number
  /** Most connections, and so calls under way, at a time. */
  readonly connections: number
}

/** Of an answer only the status counts: so many bytes are let pass for the connection to be used again. */
const MAX_ANSWER_BYTES = 16 * 1024
/** And so much time, in milliseconds. */
const MAX_ANSWER_MS = 1_000
/** A server may drop an idle connection at any time: this is below what common ones allow, in milliseconds. */
const KEEP_ALIVE_MS = 10_000
/** Answers that say nothing about the event: the receiver is busy or away, and would say so to any other. */
const AWAY: ReadonlySet<number> = new Set([408, 425, 429])

/** A receiver of webhooks, told as https://www.standardwebhooks.com says. */
export class WebhookSink implements NotificationSink {
  readonly name: string
  readonly #options: WebhookOptions
  readonly #path: string
  readonly #signers: readonly Webhook[]
  readonly #pool: Pool

  constructor(options: WebhookOptions) {
    const { origin, pathname, search } = new URL(options.url)
    this.name = `webhook-${options.name}`
    this.#options = options
    this.#path = pathname + search
    this.#signers = options.secrets.map(secret => new Webhook(secret))
    this.#pool = new Pool(origin, {
      connections: options.connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { timeout: options.timeoutMs }
    })
  }

  wants(notification: Notification): boolean {
    return this.#options.events.includes(typeOf(notification))
  }

  async send(notification: Notification, signal: AbortSignal): Promise<void> {
    const { statusCode, headers, body } = await this.#post(notification, signal)
    // Nothing of it is looked at, and what becomes of it changes nothing.
    await body.dump({ limit: MAX_ANSWER_BYTES, signal: AbortSignal.timeout(MAX_ANSWER_MS) }).catch(() => body.destroy())
    if (statusCode >= 200 && statusCode <= 299) return
    const isAway = statusCode >= 500 || AWAY.has(statusCode)
    const header = headers['retry-after']
    throw new SinkError(`The webhook answers ${statusCode}`, {
      retry: isAway ? 'away' : 'later',
      retryAfterMs: retryAfterMs(typeof header === 'string' ? header : undefined, Date.now())
    })
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #post(notification: Notification, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const body = JSON.stringify(bodyOf(notification))
    // The time of the attempt, and not of the event: receivers refuse what was signed long ago.
    const signedAt = new Date()
    try {
      return await this.#pool.request({
        method: 'POST',
        path: this.#path,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'social-service',
          'webhook-id': notification.id,
          'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
          'webhook-signature': this.#signers.map(signer => signer.sign(notification.id, signedAt, body)).join(' ')
        },
        body,
        // Covers the whole call: the deadlines of undici start anew with each part of the answer.
        signal: AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)])
      })
    } catch (error) {
      throw new SinkError(`The webhook does not answer: ${failureCode(error)}`, { retry: 'away' })
    }
  }
}

function typeOf(notification: Notification): EventType {
  return notification.kind === 'settings' ? SETTINGS_EVENT_TYPE : EVENT_TYPE_OF[notification.action]
}

/** What is signed and sent; see docs/integrations.md. */
function bodyOf(notification: Notification) {
  const { seq, at } = notification
  const event = { type: typeOf(notification), timestamp: new Date(at).toISOString() }
  if (notification.kind === 'settings') {
    const { user, settings, changed } = notification
    return { ...event, data: { seq, user, settings, changed } }
  }
  const { actor, target, message } = notification
  return { ...event, data: { seq, actor, target, ...(message !== null && { message }) } }
}
