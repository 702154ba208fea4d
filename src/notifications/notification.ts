import { createHash } from 'node:crypto'
import type { Address } from '../domain/address.ts'
import type { PairEvent, SettingsEvent } from '../domain/events.ts'
import type { PairAction } from '../domain/friendship.ts'
import type { UserSettings } from '../domain/settings.ts'

/** What every notification has. */
interface Event {
  /** Of this event alone, and the same at each attempt: by it a receiver knows what it has had before. */
  readonly id: string
  /** Its place in the log: greater than that of every earlier event of the same pair, or of the same user's settings. */
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

export function notificationOf(event: PairEvent | SettingsEvent): Notification {
  const { seq, at } = event
  if (event.kind === 'settings') {
    const { kind, user, settings, changed } = event
    return { kind, id: idOf(seq, kind, user, at), seq, at, user, settings, changed }
  }
  const { actor, target, action, message } = event
  return { kind: 'friendship', id: idOf(seq, actor, target, action, at), seq, at, actor, target, action, message }
}

/**
 * The number alone would do, but for a database that was restored from a backup: it gives the numbers after that again,
 * to other events, which a receiver would take for those that it has had.
 */
function idOf(seq: number, ...parts: readonly (string | number)[]): string {
  const hash = createHash('sha256').update([seq, ...parts].join(' '))
  return `evt_${seq}_${hash.digest('hex').slice(0, 24)}`
}
