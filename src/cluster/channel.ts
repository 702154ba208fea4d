import type { Address } from '../domain/address.ts'
import type { MessagesLost } from '../domain/events.ts'
import type { ChannelMessage } from './messages.ts'

export type { ChannelMessage }

/** Called with what other instances sent, and when messages may have been lost. */
export type ChannelListener = (message: ChannelMessage | MessagesLost) => void

/** Characters of a message as it travels: a longer one is neither sent nor read. */
export const MAX_MESSAGE_LENGTH = 65_536

/** Carries messages to other instances, as well as it can: nothing may depend on any single one. */
export interface Channel {
  /** Whether messages flow, as far as is known. When they flow again, listeners get `messages-lost`. */
  readonly isConnected: boolean
  /** Sends to every other instance. */
  send(message: ChannelMessage): void
  /** Sends to the other instances that listen to any of these users: once for each of the users. */
  sendTo(users: Iterable<Address>, message: ChannelMessage): void
  /**
   * Has what is sent to a user brought to the listeners as well.
   * @param onHeard called once, later, when everything that is sent to the user from then on is brought; never where no
   * other instance is known
   * @returns how to stop, which may be called again; the last one who listens to a user ends it
   */
  listen(user: Address, onHeard?: () => void): () => void
  /** Sends to one other instance, in order with what it is sent before and after. */
  sendToInstance(instance: string, message: ChannelMessage): void
  /** @returns how to stop listening */
  subscribe(listener: ChannelListener): () => void
  close(): Promise<void>
}

/** The channel of an instance that knows of no other. */
export class SilentChannel implements Channel {
  readonly isConnected = true

  send(): void {}

  sendTo(): void {}

  listen(): () => void {
    return () => undefined
  }
  sendToInstance(): void {}

  subscribe(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {}
}
