import type { PairAction } from './friendship.ts'

/** What an action is called where other systems are told that it happened. */
export const EVENT_TYPE_OF = {
  request: 'friendship.requested',
  accept: 'friendship.accepted',
  reject: 'friendship.rejected',
  cancel: 'friendship.canceled',
  delete: 'friendship.deleted',
  block: 'user.blocked',
  unblock: 'user.unblocked'
} as const satisfies Record<PairAction, string>

export const SETTINGS_EVENT_TYPE = 'user.settings_changed'

export const EVENT_TYPES = [...Object.values(EVENT_TYPE_OF), SETTINGS_EVENT_TYPE] as const
export type EventType = (typeof EVENT_TYPES)[number]
