import type { Address } from '../../src/domain/address.ts'
import { DEFAULT_SETTINGS, type UserSettings } from '../../src/domain/settings.ts'
import type { EventNotification } from '../../src/notifications/friendship-event.ts'
import type { SettingsNotification } from '../../src/notifications/notification.ts'
import type { Profile } from '../../src/profiles/profile.ts'
import { user } from '../profiles/env.ts'

export const alice = user(0xa11ce)
const bob = user(0xb0b)

export const requested: EventNotification = {
  kind: 'friendship',
  id: 'friendship-7',
  seq: 7,
  at: 1_790_000_000_123,
  actor: alice,
  target: bob,
  action: 'request',
  message: 'Shall we "build"?\n👋'
}

export const accepted: EventNotification = {
  ...requested,
  id: 'friendship-8',
  seq: 8,
  at: 1_790_000_000_456,
  actor: bob,
  target: alice,
  action: 'accept',
  message: null
}

/** What Alice changed of her settings. */
export function settingsOf(changes: Partial<UserSettings>): SettingsNotification {
  return {
    kind: 'settings',
    id: 'settings-1',
    seq: 1,
    at: 1_790_000_000_000,
    user: alice,
    settings: { ...DEFAULT_SETTINGS, ...changes },
    changed: Object.keys(changes) as (keyof UserSettings)[]
  }
}

/*
 * The text that the service before published: JSON.stringify of what createEvent puts together in
 * decentraland/social-service-ea src/logic/notifications.ts at 906f5b66 (`requestId` is the id of the action, the users'
 * addresses are in lower case, an empty message is left out), through publishMessage in decentraland/core-components
 * components/sns/src/component.ts at ec38a449. Only the time is another: theirs is that of the sending, ours that of the
 * event, which is the same at each attempt.
 */

export const textOfRequest = (event: EventNotification, profileOf: (address: Address) => Profile): string =>
  textOf('friendship-request', event, profileOf)

export const textOfAcceptance = (event: EventNotification, profileOf: (address: Address) => Profile): string =>
  textOf('friendship-accepted', event, profileOf)

function textOf(subType: string, event: EventNotification, profileOf: (address: Address) => Profile): string {
  const { seq, at, actor, target, message } = event
  const partyOf = ({ address, name, pictureUrl, hasClaimedName }: Profile): string =>
    `{"address":"${address}","name":${JSON.stringify(name)},"profileImageUrl":"${pictureUrl}","hasClaimedName":${hasClaimedName}}`
  const parties = `"sender":${partyOf(profileOf(actor))},"receiver":${partyOf(profileOf(target))}`
  const said = message ? `,"message":${JSON.stringify(message)}` : ''
  return `{"key":"${seq}","type":"social-service","subType":"${subType}","timestamp":${at},"metadata":{"requestId":"${seq}",${parties}${said}}}`
}

/** The attributes by which receivers choose: buildMessageAttributes of the same file. */
export const attributesOf = (subType: string) => ({
  type: { Type: 'String', Value: 'social-service' },
  subType: { Type: 'String', Value: subType }
})
