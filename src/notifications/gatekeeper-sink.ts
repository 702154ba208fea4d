import { Agent, type Dispatcher, request } from 'undici'
import type { Address } from '../domain/address.ts'
import type { MessagePrivacy } from '../domain/settings.ts'
import { failureCode } from '../lib/failure-code.ts'
import { retryAfterMs } from '../lib/retry-after.ts'
import type { Notification, SettingsNotification } from './notification.ts'
import { type NotificationSink, SinkError, type SinkRetry } from './sink.ts'

/** The largest answer that is read, in bytes: it is a sentence. */
const MAX_ANSWER_BYTES = 64 * 1024

/** A server may drop an idle connection at any time: this is below what common ones allow, in milliseconds. */
const KEEP_ALIVE_MS = 10_000

export interface GatekeeperOptions {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string
  /** Most connections, and so calls under way, at a time. */
  readonly connections: number
}

/**
 * Tells comms-gatekeeper who may send private messages to a user, at each change. It keeps that for those who are in its
 * room of messages, and asks for it when somebody enters.
 */
export class GatekeeperSink implements NotificationSink {
  readonly name = 'comms-gatekeeper'
  readonly #url: string
  readonly #token: string
  readonly #agent: Agent

  constructor({ url, token, connections }: GatekeeperOptions) {
    this.#url = url
    this.#token = token
    this.#agent = new Agent({ connections, keepAliveTimeout: KEEP_ALIVE_MS, maxResponseSize: MAX_ANSWER_BYTES })
  }

  wants(notification: Notification): boolean {
    return isOfPrivacy(notification)
  }

  async send(notification: Notification, signal: AbortSignal): Promise<void> {
    if (!isOfPrivacy(notification)) return
    const { user, settings } = notification
    await this.tell(user, settings.privateMessages, signal)
  }

  /** @throws SinkError */
  async tell(user: Address, privacy: MessagePrivacy, signal: AbortSignal): Promise<void> {
    const { statusCode, headers, text } = await this.#call({
      path: `/users/${user}/private-messages-privacy`,
      body: JSON.stringify({ private_messages_privacy: privacy }),
      signal
    })
    if (isTaken(statusCode, text)) return
    const wait = headers['retry-after']
    throw new SinkError(`comms-gatekeeper answers ${statusCode}`, {
      retry: retryOf(statusCode),
      retryAfterMs: retryAfterMs(typeof wait === 'string' ? wait : undefined, Date.now())
    })
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #call({ path, body, signal }: Call): Promise<Answer> {
    try {
      const {
        statusCode,
        headers,
        body: answer
      } = await request(this.#url + path, {
        dispatcher: this.#agent,
        method: 'PATCH',
        headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
        body,
        signal
      })
      return { statusCode, headers, text: await answer.text() }
    } catch (error) {
      throw new SinkError(`comms-gatekeeper does not answer: ${failureCode(error)}`, { retry: 'away' })
    }
  }
}

interface Call {
  readonly path: string
  readonly body: string
  readonly signal: AbortSignal
}

interface Answer extends Pick<Dispatcher.ResponseData, 'statusCode' | 'headers'> {
  readonly text: string
}

function isOfPrivacy(notification: Notification): notification is SettingsNotification {
  return notification.kind === 'settings' && notification.changed.includes('privateMessages')
}

/** A user who is not in the room has nothing to be changed there, which comms-gatekeeper answers as a bad request. */
function isTaken(status: number, text: string): boolean {
  return (status >= 200 && status < 300) || (status === 400 && text.includes('not connected to the room'))
}

function retryOf(status: number): SinkRetry {
  // Of 500 it is not known whether everybody would get it: it can be about this user's place in the room.
  if (status === 500) return 'later'
  const isOfEverything = status > 500 || [401, 403, 404, 429].includes(status)
  return isOfEverything ? 'away' : 'never'
}
