import type { Address } from '../../domain/address.ts'
import type { PairEvent } from '../../domain/events.ts'
import type { Profile } from '../../profiles/profile.ts'
import type { Profiles } from '../../profiles/profiles.ts'
import type { Listener } from '../../updates/updates.ts'
import { type Call, type Procedure, progressOf } from '../engine/service.ts'
import * as codec from './codec.ts'
import { caller, lookUp, type V2Boundary, type V2Context, type V2Deps } from './deps.ts'

const { METHODS } = codec

/** Everything that a user is told while their socket is open. */
export function updateProcedures(
  { connectivity, profiles, updates, updateSent }: V2Deps,
  boundary: V2Boundary
): readonly Procedure<V2Context>[] {
  return [
    boundary.stream({
      method: METHODS.subscribeToFriendshipUpdates,
      refuse: codec.rethrow,
      handle: (_, call) => {
        const profilesFor = together(profiles, requester)
        return updates.stream(listener(call, 'friendships', codec.isFriendshipUpdate), async (event, waiting) => {
          const profileOf = await profilesFor(event, waiting)
          updateSent(event.action)
          return codec.encodeUpdate(event, profileOf(event.actor))
        })
      }
    }),
    boundary.stream({
      method: METHODS.subscribeToBlockUpdates,
      refuse: codec.rethrow,
      handle: (_, call) =>
        updates.stream(listener(call, 'blocks', codec.isBlockUpdate), async event => {
          updateSent(event.action)
          return codec.encodeBlockUpdate(event)
        })
    }),
    boundary.stream({
      method: METHODS.subscribeToFriendConnectivityUpdates,
      refuse: codec.rethrow,
      handle: async function* (_, call) {
        const profilesFor = together<{ friend: Address }>(profiles, ({ friend }) => [friend])
        const updates = await connectivity.open(caller(call), call.signal)
        for await (const update of updates) {
          const profileOf = await profilesFor(update, updates.waiting)
          yield codec.encodeConnectivity(update, profileOf(update.friend))
        }
      }
    })
  ]
}

function listener(call: Call<V2Context>, what: string, concerns: (event: PairEvent) => boolean): Listener {
  const { address, signer } = call.connection.context
  return { address, tokenHash: null, device: `v2-${what}:${signer}`, concerns, ...progressOf(call) }
}

/** Of all updates only a request comes with a profile. */
function requester({ action, actor }: PairEvent): readonly Address[] {
  return action === 'request' ? [actor] : []
}

/**
 * Looks up the profiles for updates that wait for each other in one go: an update is held up by two lookups at most,
 * that of those before it and its own, each of which ends at its deadline.
 * @param shown whose profiles an update needs
 * @returns for each update in its turn, with those that wait behind it: what gives the profiles that it needs
 */
function together<Update>(profiles: Profiles, shown: (update: Update) => readonly Address[]) {
  let lookedUp: ReadonlySet<Update> = new Set()
  let profileOf: (user: Address) => Profile
  return async (update: Update, waiting: readonly Update[]): Promise<(user: Address) => Profile> => {
    if (!lookedUp.has(update)) {
      lookedUp = new Set([update, ...waiting])
      profileOf = await lookUp(profiles, [...lookedUp].flatMap(shown))
    }
    return profileOf
  }
}
