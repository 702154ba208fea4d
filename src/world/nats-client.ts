import { setTimeout as pause } from 'node:timers/promises'
import { type NatsConnection, NoRespondersError, RequestError } from '@nats-io/transport-node'
import type { NatsServers } from '../config/presence.ts'
import { type Backoff, backoffMs } from '../lib/backoff.ts'
import { Reminder } from '../lib/reminder.ts'
import type { Logger } from '../observability/logger.ts'
import { listen, type NatsSubscription } from './nats-connection.ts'
import { natsReason } from './nats-reason.ts'

interface NatsClientOptions {
  readonly nats: NatsServers
  /** By which NATS lists the connection. */
  readonly name: string
  readonly subscriptions: readonly NatsSubscription[]
  /** A connection that looks alive and brings nothing, not even answers to pings, is given up after so long at most; in milliseconds. */
  readonly silenceMs: number
  /** Called whenever messages begin to flow. */
  readonly onConnected: () => void
  readonly logger: Logger
  /** How often a warning is repeated at most, in milliseconds. */
  readonly remindMs?: number
}

/** Longest wait for an answer, in milliseconds. */
const ANSWER_MS = 2000
/** Between two tries. */
const BACKOFF: Backoff = { firstMs: 100, maxMs: 5000 }

/**
 * Listens to NATS, for ever: a connection that cannot be had or is lost is tried again. Nothing is buffered for it, and
 * nobody waits for it.
 */
export class NatsClient {
  readonly #options: NatsClientOptions
  readonly #abort = new AbortController()
  #connection: NatsConnection | null = null
  #problem: string | null = 'NATS was not reached yet'
  readonly #reminder: Reminder<'away'>
  #saidAway = false

  constructor(options: NatsClientOptions) {
    this.#options = options
    this.#reminder = new Reminder(options.remindMs)
    void this.#stayConnected()
  }

  /** Whether messages flow, as far as is known. */
  get isConnected(): boolean {
    return this.#connection !== null
  }

  /** What keeps messages from flowing, in words; null while they do. */
  get problem(): string | null {
    return this.#problem
  }

  /**
   * Asks the first that answers on the subject.
   * @returns null when nobody is there who would
   * @throws Error when there is no answer in time, or no connection
   */
  async ask(subject: string): Promise<Uint8Array | null> {
    if (!this.#connection) throw new Error('NATS is away')
    try {
      return (await this.#connection.request(subject, '', { timeout: ANSWER_MS })).data
    } catch (error) {
      const isNobodyThere =
        error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())
      if (isNobodyThere) return null
      throw error
    }
  }

  /** Answers on the subject, as long as the connection lasts: one of all who do so is asked. */
  answer(subject: string, respond: () => Uint8Array): void {
    const callback = (error: Error | null, message: { respond(payload: Uint8Array): boolean }): void => {
      if (!error) message.respond(respond())
    }
    this.#connection?.subscribe(subject, { queue: subject, callback })
  }

  async close(): Promise<void> {
    this.#abort.abort()
    const connection = this.#connection
    this.#connection = null
    await connection?.close()
  }

  async #stayConnected(): Promise<void> {
    const { signal } = this.#abort
    let failures = 0
    while (!signal.aborted) {
      const from = performance.now()
      const error = await this.#connectOnce().catch((error: unknown) => error)
      if (signal.aborted) return
      this.#lost(error)
      failures = performance.now() - from > 2 * BACKOFF.maxMs ? 1 : failures + 1
      await pause(backoffMs(failures, BACKOFF), undefined, { signal }).catch(() => undefined)
    }
  }

  /** @returns what ended the connection */
  async #connectOnce(): Promise<unknown> {
    const { nats, name, subscriptions, silenceMs, logger } = this.#options
    const guarded = subscriptions.map(({ subject, receive }) => ({
      subject,
      receive: (of: string, payload: Uint8Array) => {
        try {
          receive(of, payload)
        } catch (error) {
          logger.error({ err: error }, 'A message of NATS could not be handled')
        }
      }
    }))
    const { connection, ended } = await listen(nats, guarded, { name, silenceMs })
    if (this.#abort.signal.aborted) await connection.close()
    else this.#connected(connection)
    return ended
  }

  #connected(connection: NatsConnection): void {
    this.#connection = connection
    this.#problem = null
    if (this.#saidAway) this.#options.logger.info('NATS is connected again')
    this.#saidAway = false
    this.#options.onConnected()
  }

  #lost(error: unknown): void {
    this.#connection = null
    this.#problem = natsReason(error)
    if (!this.#reminder.isDue('away')) return
    this.#saidAway = true
    this.#options.logger.warn({ reason: this.#problem }, 'NATS is away: who is in the world stays as last known')
  }
}
