import type { Address } from './address.ts'
import type { PairAction, PairStatus } from './friendship.ts'
import type { UserSettings } from './settings.ts'

/** A committed change of a pair, as the event log holds it. */
export interface PairEvent {
  readonly kind: 'pair'
  /** Its place in the log: greater than that of every earlier event of the same pair. */
  readonly seq: number
  readonly actor: Address
  readonly target: Address
  readonly action: PairAction
  /** The state that the action ended. */
  readonly previous: PairStatus
  /** Who had brought that about; null when nothing had happened. */
  readonly previousActor: Address | null
  /** Of a request only. */
  readonly message: string | null
  /** Unix milliseconds; the same in the answer, the push and later listings. */
  readonly at: number
}

/** A committed change of what a user decided about themselves, as its log holds it. */
export interface SettingsEvent {
  readonly kind: 'settings'
  /** Its place in the log: no event of a pair has the same, and every earlier event of the user has a lower one. */
  readonly seq: number
  readonly user: Address
  /** All settings, as the change left them. */
  readonly settings: UserSettings
  /** Those that have another value since; at least one. */
  readonly changed: readonly (keyof UserSettings)[]
  /** Unix milliseconds. */
  readonly at: number
}

/** Sessions that ended before their time: calls and streams that hold one of these are over. */
export interface SessionsEnded {
  readonly kind: 'sessions-ended'
  readonly address: Address
  /** Hex hashes of the access tokens; none when all sessions of the user ended, also those without a token. */
  readonly tokenHashes: readonly string[]
}

/** Messages of other instances were missed for a while: sessions may have ended that this one still trusts. */
export interface MessagesLost {
  readonly kind: 'messages-lost'
}

/** Everything that one instance sends to the others, or has to know of them. */
export type SocialEvent = PairEvent | SessionsEnded | MessagesLost
