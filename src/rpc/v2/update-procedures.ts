import type {
  BlockUpdate,
  FriendConnectivityUpdate,
  FriendshipUpdate
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import type { Address } from '../../domain/address.ts'
import type { PairEvent } from '../../domain/events.ts'
import type { ConnectivityUpdate } from '../../presence/connectivity.ts'
import { type Profile, unknownProfile } from '../../profiles/profile.ts'
import type { Profiles } from '../../profiles/profiles.ts'
import type { Subscription } from '../../subscriptions/subscription.ts'
import type { LastingDevice } from '../../updates/updates.ts'
import type { Call, Procedure } from '../engine/service.ts'
import { takePlace } from '../newest-stream.ts'
import { subscriberOf, type V2Boundary, type V2Context } from './caller.ts'
import * as codec from './codec.ts'
import type { V2Deps } from './deps.ts'

const { V2_METHODS } = codec

/** Everything that comes to a user while their socket is open. */
export function updateProcedures(
  { connectivity, profiles, updates, updateSent }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  const respondBlock = (event: PairEvent): BlockUpdate => {
    updateSent(event.action)
    return codec.encodeBlockUpdate(event)
  }
  return [
    boundary.subscription({
      method: V2_METHODS.subscribeToFriendshipUpdates,
      refuse: codec.rethrow,
      handle: async (_, call) => {
        const device = deviceOf(call, 'friendships', codec.isFriendshipUpdate)
        const events = await takePlace(call, null, older => updates.open(device, older))
        const profileOf = prefetch(profiles, events, requester)
        const respond = async (event: PairEvent): Promise<FriendshipUpdate> => {
          const profile = await profileOf(event, event.actor)
          updateSent(event.action)
          return codec.encodeUpdate(event, profile)
        }
        return { events, respond }
      }
    }),
    boundary.subscription({
      method: V2_METHODS.subscribeToBlockUpdates,
      refuse: codec.rethrow,
      handle: async (_, call) => {
        const device = deviceOf(call, 'blocks', codec.isBlockUpdate)
        const events = await takePlace(call, null, older => updates.open(device, older))
        return { events, respond: respondBlock }
      }
    }),
    boundary.subscription({
      method: V2_METHODS.subscribeToFriendConnectivityUpdates,
      refuse: codec.rethrow,
      handle: async (_, call) => {
        const subscriber = subscriberOf(call)
        const events = await takePlace(call, null, older => connectivity.open(subscriber, older))
        const profileOf = prefetch(profiles, events, friendOf)
        const respond = async (change: ConnectivityUpdate): Promise<FriendConnectivityUpdate> =>
          codec.encodeConnectivity(change, await profileOf(change, change.friend))
        return { events, respond }
      }
    })
  ]
}

function deviceOf(call: Call<V2Context>, stream: string, isRelevant: (event: PairEvent) => boolean): LastingDevice {
  return { ...subscriberOf(call), deviceKey: `v2-${stream}:${call.connection.context.signer}`, isRelevant }
}

function friendOf({ friend }: ConnectivityUpdate): readonly Address[] {
  return [friend]
}

/** Of all updates only a request comes with a profile. */
function requester({ action, actor }: PairEvent): readonly Address[] {
  return action === 'request' ? [actor] : []
}

/**
 * Looks up the profiles for events that wait for each other in one go: an event is held up by two lookups at most, that
 * of those before it and its own, each of which ends at its deadline.
 * @param usersOf whose profiles an event needs
 * @returns for the event that was handed over last: the profile of a user
 */
function prefetch<Event>(
  profiles: Profiles,
  events: Subscription<Event>,
  usersOf: (event: Event) => readonly Address[]
): (event: Event, user: Address) => Promise<Profile> {
  let fetchedFor: ReadonlySet<Event> = new Set()
  let profileOf = unknownProfile
  return async (event, user) => {
    if (!fetchedFor.has(event)) {
      fetchedFor = new Set([event, ...events.waiting])
      profileOf = await profiles.lookUp([...fetchedFor].flatMap(usersOf))
    }
    return profileOf(user)
  }
}
