import type { MessagesLost, SessionsEnded } from '../domain/events.ts'

/** What instances say to each other beside the log: to look at it, and what is not in it. */
export type ChannelMessage = { readonly kind: 'wake' } | SessionsEnded

/** What a channel tells its listeners: what others sent, and when it has to be feared that something did not come. */
export type ChannelListener = (message: ChannelMessage | MessagesLost) => void

/** Carries messages to all other instances, as well as it can: nothing may depend on any single one. */
export interface Channel {
  send(message: ChannelMessage): void
  /** @returns how to stop listening */
  subscribe(listener: ChannelListener): () => void
  close(): Promise<void>
}

/** The channel of an instance that knows of no other. */
export class SilentChannel implements Channel {
  send(): void {}

  subscribe(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {}
}
