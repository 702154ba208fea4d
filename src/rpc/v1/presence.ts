import type { Procedure } from '../engine/service.ts'
import { errorCase } from './codec.ts'
import { authenticate, pages, type V1Boundary, type V1Context, type V1Parts } from './deps.ts'
import { PRESENCE_METHODS, positionOf } from './presence-codec.ts'

/** Who of a user's friends is online, and where in the world they are (ADR-246). */
export function presenceProcedures(parts: V1Parts, boundary: V1Boundary): readonly Procedure<V1Context>[] {
  const { friends, friendPresence, maxListSize } = parts
  return [
    boundary.unary({
      method: PRESENCE_METHODS.positionHeartbeat,
      refuse: error => ({ error }),
      handle: async (payload, call) => {
        const { address } = await authenticate(parts, payload.authToken, call)
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
        const { address } = await authenticate(parts, payload, call)
        const { items } = await friends.list(address, address, { limit: maxListSize, offset: 0 })
        yield* pages(parts, friendPresence.online(items))
      }
    }),
    boundary.stream({
      method: PRESENCE_METHODS.subscribeFriendshipPresenceUpdates,
      refuse: error => ({ error }),
      handle: async function* (payload, call) {
        const session = await authenticate(parts, payload, call)
        const tokenHash = session.tokenHash.toString('hex')
        const subscriber = { address: session.address, tokenHash, signal: call.signal }
        for await (const updates of friendPresence.positions(subscriber)) yield { updates }
      }
    })
  ]
}
