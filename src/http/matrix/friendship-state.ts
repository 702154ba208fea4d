import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { type Address, isOneOf, otherOf } from '../../domain/address.ts'
import { SocialError } from '../../domain/errors.ts'
import { FRIENDSHIP_CONTENT, FRIENDSHIP_TYPE, type FriendshipStateEvents } from '../../friendships/state-event.ts'
import type { MatrixIds } from '../../matrix/client/ids.ts'
import { matrixToken, requireSession, type SessionDeps } from '../auth.ts'
import { readAnyBodyAsJson } from '../input.ts'
import { matrixAnswers, WITH_TOKEN } from '../schemas.ts'

interface FriendshipStateDeps extends SessionDeps {
  readonly stateEvents: FriendshipStateEvents
  readonly ids: MatrixIds
}

const ROOM = {
  roomId: z.string().describe("The alias of the pair's room, `#<address>+<address>:<server>`, in any order")
}
const STATE_KEY = { stateKey: z.string().describe('Nothing, or your own user id') }
const DONE = z.object({ event_id: z.string() })

/**
 * `PUT …/rooms/{roomId}/state/org.decentraland.friendship`: what a user does to a friendship, as a state event of
 * the pair's room. Without a homeserver there are no rooms; then the alias that the room would have stands for it.
 */
export const friendshipStateRoutes: FastifyPluginAsyncZod<FriendshipStateDeps> = async (app, deps) => {
  const { stateEvents, ids } = deps
  readAnyBodyAsJson(app)
  const sessionOf = requireSession(app, deps, matrixToken)
  const response = matrixAnswers(
    'The id of the event: the same again when the event is sent again after a lost answer',
    DONE
  )
  const schema = {
    summary: 'Request, cancel, accept, reject or delete a friendship',
    tags: ['friendships'],
    body: FRIENDSHIP_CONTENT,
    response,
    ...WITH_TOKEN
  }

  const put = async (actor: Address, roomId: string, stateKey: string, content: z.infer<typeof FRIENDSHIP_CONTENT>) => {
    const target = targetOf(actor, roomId, ids)
    const { seq } = await stateEvents.put({ actor, target, stateKey, content })
    return { event_id: `$${seq}` }
  }

  for (const version of ['r0', 'v3']) {
    const path = `/_matrix/client/${version}/rooms/:roomId/state/${FRIENDSHIP_TYPE}`
    app.put(path, { schema: { ...schema, params: z.object(ROOM) } }, async request =>
      put(sessionOf(request).address, request.params.roomId, '', request.body)
    )
    app.put(
      `${path}/:stateKey`,
      { schema: { ...schema, params: z.object({ ...ROOM, ...STATE_KEY }) } },
      async request => put(sessionOf(request).address, request.params.roomId, request.params.stateKey, request.body)
    )
  }
}

function targetOf(actor: Address, roomId: string, ids: MatrixIds): Address {
  const pair = ids.pairOf(roomId)
  if (pair === null) throw new SocialError('not_found', 'There is no such room')
  if (!isOneOf(pair, actor)) throw new SocialError('forbidden', 'You are not in this room')
  return otherOf(pair, actor)
}
