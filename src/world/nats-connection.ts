import { connect, type NatsConnection } from '@nats-io/transport-node'
import type { NatsServers } from '../config/presence.ts'

/** What is listened to. */
export interface NatsSubscription {
  /** With `*` for any one part. */
  readonly subject: string
  /** Called for each message as it comes, one after the other: nothing of it waits in memory. */
  readonly receive: (subject: string, payload: Uint8Array) => void
}

interface ListenOptions {
  /** By which NATS lists the connection. */
  readonly name: string
  /** A connection that looks alive and brings nothing, not even answers to pings, is given up after so long at most; in milliseconds. */
  readonly silenceMs: number
}

interface Listening {
  readonly connection: NatsConnection
  /** Resolves when the connection is over, with what ended it. */
  readonly ended: Promise<unknown>
}

/** Longest wait for a connection to one server, in milliseconds. */
const CONNECT_MS = 3000
/** Pings that may be without an answer. */
const MAX_UNANSWERED_PINGS = 2

/**
 * Connects once, to the first of the servers that can be reached, and listens.
 * @throws Error when there is none, or one of the subjects must not be listened to; see `natsReason`
 */
export async function listen(
  { servers, isTls, user, password, token }: NatsServers,
  subscriptions: readonly NatsSubscription[],
  { name, silenceMs }: ListenOptions
): Promise<Listening> {
  const connection = await connect({
    name,
    servers: [...servers],
    ...(isTls && { tls: {} }),
    ...(user !== null && { user, pass: password ?? '' }),
    ...(token !== null && { token }),
    timeout: CONNECT_MS,
    pingInterval: Math.ceil(silenceMs / (MAX_UNANSWERED_PINGS + 1)),
    maxPingOut: MAX_UNANSWERED_PINGS,
    reconnect: false
  })
  let refusal: Error | null = null
  for (const { subject, receive } of subscriptions) {
    connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error) return receive(message.subject, message.data)
        refusal ??= error
        void connection.close()
      }
    })
  }
  const ended = connection.closed().then(error => refusal ?? error)
  try {
    // What NATS refuses it says before it answers this.
    await connection.flush()
    if (refusal) throw refusal
    return { connection, ended }
  } catch (error) {
    await connection.close()
    throw refusal ?? error
  }
}

/**
 * Does once what the service does with NATS: logs in and listens.
 * @throws Error as {@link listen}
 */
export async function tryNats(nats: NatsServers, subjects: readonly string[]): Promise<void> {
  const subscriptions = subjects.map(subject => ({ subject, receive: () => undefined }))
  const { connection } = await listen(nats, subscriptions, { name: 'social-service check', silenceMs: CONNECT_MS })
  await connection.close()
}
