import type { Exposure } from './policy.ts'

/** Who may send private messages to a user. */
export const MESSAGE_PRIVACIES = ['all', 'only_friends'] as const
export type MessagePrivacy = (typeof MESSAGE_PRIVACIES)[number]

export const VISIBILITIES = ['show', 'hide'] as const
export type Visibility = (typeof VISIBILITIES)[number]

/** What a user decided about themselves, on every surface. */
export interface UserSettings {
  /** To whom the list of friends is shown. */
  readonly friends: Exposure
  /** To whom the number of friends is shown. */
  readonly friendsCount: Exposure
  readonly privateMessages: MessagePrivacy
  /** Whether messages of users that are blocked are shown in rooms that both are in. */
  readonly blockedMessages: Visibility
  readonly situationReactions: Visibility
}

/** What holds for a user who never decided. */
export const DEFAULT_SETTINGS: UserSettings = {
  friends: 'ONLY_ME',
  friendsCount: 'ONLY_ME',
  privateMessages: 'all',
  blockedMessages: 'show',
  situationReactions: 'show'
}
