import type { MessagesLost } from '../domain/events.ts'
import type { ChannelMessage } from './messages.ts'

export type { ChannelMessage }

/** What a channel tells its listeners: what others sent, and when it has to be feared that something did not come. */
export type ChannelListener = (message: ChannelMessage | MessagesLost) => void

/** Characters of a message as it travels: a longer one is not read. */
export const MAX_MESSAGE_LENGTH = 65_536

/** Carries messages to all other instances, as well as it can: nothing may depend on any single one. */
export interface Channel {
  /** Whether messages flow, as far as is known. After they did not, listeners are told that messages were lost. */
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
