import { SocialError } from '../../domain/errors.ts'
import type { MessagePrivacy, UserSettings, Visibility } from '../../domain/settings.ts'
import type { MessageSettings } from '../../friendships/settings.ts'
import {
  BlockedUsersMessagesVisibilitySetting,
  type GetPrivateMessagesSettingsResponse_PrivateMessagesSettings,
  PrivateMessagePrivacySetting,
  SituationReactionsVisibility,
  type SocialSettings,
  type UpsertSocialSettingsPayload
} from '../generated/social-service-v2.ts'

const PRIVACY: Record<MessagePrivacy, PrivateMessagePrivacySetting> = {
  all: PrivateMessagePrivacySetting.ALL,
  only_friends: PrivateMessagePrivacySetting.ONLY_FRIENDS
}
const BLOCKED_MESSAGES: Record<Visibility, BlockedUsersMessagesVisibilitySetting> = {
  show: BlockedUsersMessagesVisibilitySetting.SHOW_MESSAGES,
  hide: BlockedUsersMessagesVisibilitySetting.DO_NOT_SHOW_MESSAGES
}
const REACTIONS: Record<Visibility, SituationReactionsVisibility> = {
  show: SituationReactionsVisibility.SHOW,
  hide: SituationReactionsVisibility.HIDE
}

export function encodeSettings(settings: UserSettings): SocialSettings {
  return {
    privateMessagesPrivacy: PRIVACY[settings.privateMessages],
    blockedUsersMessagesVisibility: BLOCKED_MESSAGES[settings.blockedMessages],
    showSituationReactions: REACTIONS[settings.situationReactions]
  }
}

export function encodeMessageSettings({
  address,
  privateMessages,
  isFriend
}: MessageSettings): GetPrivateMessagesSettingsResponse_PrivateMessagesSettings {
  return { user: { address }, privateMessagesPrivacy: PRIVACY[privateMessages], isFriend }
}

/** What of the settings is to change. @throws SocialError `invalid_request` for an unknown value */
export function decodeSettings(payload: UpsertSocialSettingsPayload): Partial<UserSettings> {
  return {
    ...field('privateMessages', PRIVACY, payload.privateMessagesPrivacy),
    ...field('blockedMessages', BLOCKED_MESSAGES, payload.blockedUsersMessagesVisibility),
    ...field('situationReactions', REACTIONS, payload.showSituationReactions)
  }
}

function field<Name extends string, Value extends string>(
  name: Name,
  values: Record<Value, number>,
  code: number | undefined
): { [Key in Name]?: Value } {
  if (code === undefined) return {}
  const entry = Object.entries(values).find(([, known]) => known === code)
  if (!entry) throw new SocialError('invalid_request', `Unknown value of ${name}`)
  return { [name]: entry[0] } as { [Key in Name]: Value }
}
