import { z } from 'zod'
import { type Address, parseAddress } from '../domain/address.ts'
import { type Profile, shortAddress } from './profile.ts'

/** In characters; what is longer is left out, because half a name is another name. */
const MAX_NAME_LENGTH = 200
const MAX_URL_LENGTH = 2048

/** JSON can hold half a surrogate pair, which a strict protobuf decoder refuses together with all around it. */
const LONE_SURROGATE = /\p{Surrogate}/gu

const address = z.unknown().transform(parseAddress)
const name = z
  .string()
  .max(MAX_NAME_LENGTH)
  .transform(text => text.replace(LONE_SURROGATE, '\ufffd'))
  .catch('')
const channel = z.number().min(0).max(1)
const nameColor = z.object({ r: channel, g: channel, b: channel }).nullable().catch(null)
const pictureUrl = z
  .url({ protocol: /^https?$/, normalize: true })
  .max(MAX_URL_LENGTH)
  .catch('')

// Users write their profiles themselves: a part that is missing or odd is left out, and the rest is taken.
const avatarSchema = z.object({
  userId: address,
  ethAddress: address,
  name,
  unclaimedName: name,
  hasClaimedName: z.boolean().catch(false),
  nameColor,
  avatar: z.object({ snapshots: z.object({ face256: pictureUrl }) }).catch({ snapshots: { face256: '' } })
})
const profileSchema = z.object({
  avatars: z
    .array(z.unknown())
    .transform(avatars => avatars[0])
    .pipe(avatarSchema)
})
const answerSchema = z.array(z.unknown())

/**
 * The profiles in the answer of a Catalyst to `POST /lambdas/profiles`, of those users who were requested.
 * @throws Error when the answer is no list
 */
export function parseAnswer(answer: unknown, requested: readonly Address[]): ReadonlyMap<Address, Profile> {
  const missing = new Set(requested)
  const profiles = new Map<Address, Profile>()
  for (const item of answerSchema.parse(answer)) {
    const profile = parseProfile(item)
    if (!profile) continue
    if (missing.delete(profile.address)) profiles.set(profile.address, profile)
    // The address within a profile is its author's claim: of two that claim the same, at least one is not true.
    else profiles.delete(profile.address)
  }
  return profiles
}

function parseProfile(item: unknown): Profile | null {
  const { success, data } = profileSchema.safeParse(item)
  if (!success) return null
  const { userId, ethAddress, name, unclaimedName, hasClaimedName, avatar } = data.avatars
  const address = userId ?? ethAddress
  if (!address) return null
  return {
    address,
    name: name || unclaimedName || shortAddress(address),
    hasClaimedName: hasClaimedName && name !== '',
    pictureUrl: avatar.snapshots.face256,
    // As it is, also where the name is not claimed: whether it is shown then is up to the explorer.
    nameColor: data.avatars.nameColor
  }
}
