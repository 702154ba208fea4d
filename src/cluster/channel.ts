import type { MessagesLost } from '../domain/events.ts'
import type { ChannelMessage } from './messages.ts'

export type { ChannelMessage }

/** Called with what other instances sent, and when messages may have been lost. */
export type ChannelListener = (message: ChannelMessage | MessagesLost) => void

/** Characters of a message as it travels: a longer one is not read. */
export const MAX_MESSAGE_LENGTH = 65_536

/** Carries messages to all other instances, as well as it can: nothing may depend on any single one. */
export interface Channel {
  /** Whether messages flow, as far as is known. When they flow again, listeners get `messages-lost`. */
  readonly isConnected: boolean
  send(message: ChannelMessage): void
  /** @returns how to stop listening */
  subscribe(listener: ChannelListener): () => void
  close(): Promise<void>
}

/** The channel of an instance that knows of no other. */
export class SilentChannel implements Channel {
  readonly isConnected = true

  send(): void {}

  subscribe(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {}
}
