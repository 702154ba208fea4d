import type { Address } from '../domain/address.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { UserSettings } from '../domain/settings.ts'

/** What every notification has. */
interface Event {
  /** Of this event alone, and the same at each attempt: by it a receiver knows what it has had before. */
  readonly id: string
  /** Its place in its log: greater than that of every earlier event of the same pair, or of the same user. */
  readonly seq: number
  /** When it was acknowledged, unix milliseconds. */
  readonly at: number
}

/** What one user did to a friendship, or about a block. */
export interface FriendshipNotification extends Event {
  readonly kind: 'friendship'
  readonly actor: Address
  readonly target: Address
  readonly action: PairAction
  /** Of a request only. */
  readonly message: string | null
}

/** What a user decided about themselves. */
export interface SettingsNotification extends Event {
  readonly kind: 'settings'
  readonly user: Address
  /** All settings, as the change left them. */
  readonly settings: UserSettings
  /** Those that have another value since; at least one. */
  readonly changed: readonly (keyof UserSettings)[]
}

/** What happened, as other systems are told of it. */
export type Notification = FriendshipNotification | SettingsNotification
