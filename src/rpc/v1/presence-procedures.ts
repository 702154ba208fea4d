import type { WorldPosition } from '../../presence/locations.ts'
import type { Procedure } from '../engine/service.ts'
import { takePlace } from '../newest-stream.ts'
import { authenticate, authenticateSubscriber, type V1Boundary, type V1Context } from './caller.ts'
import { errorCase } from './codec.ts'
import type { V1Deps } from './deps.ts'
import { PRESENCE_METHODS, positionOf } from './presence-codec.ts'
import { encodePages } from './users-encoder.ts'

/** Who of a user's friends is online, and where in the world they are (ADR-246). */
export function presenceProcedures(deps: V1Deps, boundary: V1Boundary): readonly Procedure<V1Context>[] {
  const { friends, online, locations, friendLocations, maxListSize, streamPage } = deps
  return [
    boundary.unary({
      method: PRESENCE_METHODS.positionHeartbeat,
      refuse: error => ({ error }),
      handle: async (payload, call) => {
        const { address } = await authenticate(deps, payload.authToken, call)
        const position = positionOf(payload.position)
        call.connection.context.users.heartbeat(address)
        locations.set(address, position)
        return { position }
      }
    }),
    boundary.stream({
      method: PRESENCE_METHODS.getOnlineFriends,
      refuse: errorCase,
      handle: async function* (payload, call) {
        const { address } = await authenticate(deps, payload, call)
        const { items } = await friends.list(address, address, { limit: maxListSize, offset: 0 })
        await online.settle(items)
        const shown = items.filter(friend => online.isOnline(friend))
        yield* encodePages(shown, streamPage)
      }
    }),
    boundary.subscription({
      method: PRESENCE_METHODS.subscribeFriendshipPresenceUpdates,
      refuse: error => ({ error }),
      handle: async (payload, call) => {
        const subscriber = await authenticateSubscriber(deps, payload, call)
        // It begins with where everybody is: the newer one of a socket has nothing to take over.
        const open = () => friendLocations.open(subscriber)
        return { events: await takePlace(call, subscriber.tokenHash, open), respond: updatesCase }
      }
    })
  ]
}

function updatesCase(updates: readonly WorldPosition[]): { readonly updates: readonly WorldPosition[] } {
  return { updates }
}
