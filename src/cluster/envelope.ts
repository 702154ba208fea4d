import { z } from 'zod'
import { MAX_MESSAGE_LENGTH } from './channel.ts'
import { type ChannelMessage, channelMessage } from './messages.ts'

/** Messages in one text. */
const MAX_MESSAGES = 1000

/** What an instance sends itself, to see that messages flow. */
const PROBE = { kind: 'probe' } as const

// What goes to all is one message, as the releases before read it.
const envelope = z.object({
  from: z.string().max(100),
  message: z.unknown().optional(),
  messages: z.array(z.unknown()).max(MAX_MESSAGES).optional()
})

/** What the texts look like that one instance sends. */
export class Envelope {
  /** How every text of this instance begins: those that come back are dropped unread. */
  readonly #prefix: string

  constructor(instance: string) {
    this.#prefix = `{"from":${JSON.stringify(instance)},`
  }

  isOwn(text: string): boolean {
    return text.startsWith(this.#prefix)
  }

  get probe(): string {
    return this.toAll(PROBE)
  }

  /** A text for all instances. */
  toAll(message: ChannelMessage | typeof PROBE): string {
    return `${this.#prefix}"message":${JSON.stringify(message)}}`
  }

  /**
   * Texts for those who listen to one user.
   * @param messages as JSON, in their order; one that is too long for a text is left out
   */
  toListeners(messages: readonly string[]): string[] {
    const texts: string[] = []
    const room = MAX_MESSAGE_LENGTH - this.#prefix.length - '"messages":[]}'.length
    let batch: string[] = []
    let length = 0
    const end = (): void => {
      if (batch.length > 0) texts.push(`${this.#prefix}"messages":[${batch.join()}]}`)
      batch = []
      length = 0
    }
    for (const message of messages) {
      if (message.length > room) continue
      if (batch.length === MAX_MESSAGES || length + message.length + 1 > room) end()
      batch.push(message)
      length += message.length + 1
    }
    end()
    return texts
  }
}

/** What another instance sent: nothing when it is a probe, or not understood. */
export function messagesIn(text: string): ChannelMessage[] {
  if (text.length > MAX_MESSAGE_LENGTH) return []
  try {
    const { message, messages = [message] } = envelope.parse(JSON.parse(text))
    return messages.flatMap(each => channelMessage.safeParse(each).data ?? [])
  } catch {
    return []
  }
}
