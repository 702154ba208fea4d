import { GetTopicAttributesCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { failureCode } from '../lib/failure-code.ts'
import type { Profiles } from '../profiles/profiles.ts'
import { friendshipEvent, hasEvent } from './friendship-event.ts'
import type { Notification } from './notification.ts'
import { type NotificationSink, SinkError, type SinkRetry } from './sink.ts'

interface SnsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of temporary credentials only. */
  readonly sessionToken: string | null
}

export interface SnsOptions {
  readonly topicArn: string
  readonly region: string
  /** Null for that of the region. */
  readonly endpoint: string | null
  /** Null for what the SDK finds: the environment, the files of the user, the role of the machine. */
  readonly credentials: SnsCredentials | null
}

export interface SnsDeps {
  readonly profiles: Pick<Profiles, 'lookUp'>
}

/** Publishes requests and acceptances to a topic of AWS SNS, from which the notification service takes them. */
export class SnsSink implements NotificationSink {
  readonly name = 'sns'
  readonly #profiles: SnsDeps['profiles']
  readonly #topicArn: string
  readonly #client: SNSClient

  constructor({ profiles }: SnsDeps, { topicArn, region, endpoint, credentials }: SnsOptions) {
    this.#profiles = profiles
    this.#topicArn = topicArn
    this.#client = new SNSClient({
      region,
      // The worker tries again by itself, and knows for how long.
      maxAttempts: 1,
      ...(endpoint !== null && { endpoint }),
      ...(credentials && { credentials: credentialsOf(credentials) })
    })
  }

  wants(notification: Notification): boolean {
    return hasEvent(notification)
  }

  async send(notification: Notification, signal: AbortSignal): Promise<void> {
    if (!hasEvent(notification)) return
    const { actor, target } = notification
    const event = friendshipEvent(notification, await this.#profiles.lookUp([actor, target]))
    const command = new PublishCommand({
      TopicArn: this.#topicArn,
      Message: JSON.stringify(event),
      MessageAttributes: { type: text(event.type), subType: text(event.subType) }
    })
    try {
      await this.#client.send(command, { abortSignal: signal })
    } catch (error) {
      throw failureOf(error)
    }
  }

  /**
   * Publishes nothing.
   * @returns whether the topic is there; null when it may not be looked at, which a publisher need not
   * @throws SinkError
   */
  async look(signal: AbortSignal): Promise<true | null> {
    const command = new GetTopicAttributesCommand({ TopicArn: this.#topicArn })
    try {
      await this.#client.send(command, { abortSignal: signal })
      return true
    } catch (error) {
      if ((error as ServiceError).name.startsWith('AuthorizationError')) return null
      throw failureOf(error)
    }
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: SnsCredentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }) }
}

const text = (value: string) => ({ DataType: 'String', StringValue: value })

/** Refusals of this message, and not of what the topic or the account is. */
const INVALID = /^(?:InvalidParameter|ParameterValueInvalid|ValidationException|RequestEntityTooLarge)/
/** What is refused so is refused to every message: too many of them, or a key that cannot be used. */
const OF_EVERYTHING = /throttl|toomany|^KMS/i

/** The text of the SDK stays out of it: it may name the topic, or hold a part of what was sent. */
function failureOf(error: unknown): SinkError {
  const { name, $metadata } = error as ServiceError
  const status = $metadata?.httpStatusCode
  if (status === undefined) return new SinkError(`SNS does not answer: ${failureCode(error)}`, { retry: 'away' })
  return new SinkError(`SNS answers ${status}: ${name}`, { retry: retryOf(status, error as ServiceError) })
}

function retryOf(status: number, { name, message }: ServiceError): SinkRetry {
  const isOfEverything =
    status >= 500 || [401, 403, 404, 429].includes(status) || OF_EVERYTHING.test(name) || message.includes('TopicArn')
  if (isOfEverything) return 'away'
  return INVALID.test(name) ? 'never' : 'later'
}

/** What the SDK throws: with a status when there was an answer. */
interface ServiceError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number }
}
