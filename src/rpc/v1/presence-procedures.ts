import type { Procedure } from '../engine/service.ts'
import { errorCase } from './codec.ts'
import { authenticate, pages, type V1Boundary, type V1Context, type V1Deps } from './deps.ts'
import { PRESENCE_METHODS, positionOf } from './presence-codec.ts'

/** Who of a user's friends is online, and where in the world they are (ADR-246). */
export function presenceProcedures(deps: V1Deps, boundary: V1Boundary): readonly Procedure<V1Context>[] {
  const { friends, friendPresence, maxListSize } = deps
  return [
    boundary.unary({
      method: PRESENCE_METHODS.positionHeartbeat,
      refuse: error => ({ error }),
      handle: async (payload, call) => {
        const { address } = await authenticate(deps, payload.authToken, call)
        const position = positionOf(payload.position)
        call.connection.context.users.heartbeat(address)
        friendPresence.heartbeat(address, position)
        return { position }
      }
    }),
    boundary.stream({
      method: PRESENCE_METHODS.getOnlineFriends,
      refuse: errorCase,
      handle: async function* (payload, call) {
        const { address } = await authenticate(deps, payload, call)
        const { items } = await friends.list(address, address, { limit: maxListSize, offset: 0 })
        yield* pages(deps, friendPresence.online(items))
      }
    }),
    boundary.stream({
      method: PRESENCE_METHODS.subscribeFriendshipPresenceUpdates,
      refuse: error => ({ error }),
      handle: async function* (payload, call) {
        const session = await authenticate(deps, payload, call)
        const tokenHash = session.tokenHash.toString('hex')
        const subscriber = { address: session.address, tokenHash, signal: call.signal }
        for await (const updates of friendPresence.positions(subscriber)) yield { updates }
      }
    })
  ]
}
