import {
  Payload,
  SubscribeFriendshipEventsUpdatesResponse
} from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { caseOf } from '../load/answers.ts'
import { request, SECOND_SUBSCRIPTION, SUBSCRIPTION } from '../load/frames.ts'
import { authToken, type Connected } from '../load/v1.ts'
import type { User } from '../users.ts'

/** What a v1 client listens to, and the number of its request. */
const STREAMS = {
  updates: { procedure: 'SubscribeFriendshipEventsUpdates', number: SUBSCRIPTION },
  presence: { procedure: 'SubscribeFriendshipPresenceUpdates', number: SECOND_SUBSCRIPTION }
}

/** How every element of both streams begins that is no error. */
export const STREAM_ELEMENT = caseOf(
  SubscribeFriendshipEventsUpdatesResponse.encode({ response: { $case: 'events', events: { responses: [] } } })
)

/** Subscribes, and waits until that is answered. */
export async function listen(
  { socket, procedures }: Connected,
  stream: keyof typeof STREAMS,
  user: Pick<User, 'token'>,
  onElement: (payload: Uint8Array) => void
): Promise<void> {
  const { procedure, number } = STREAMS[stream]
  const payload = Payload.encode(authToken(user)).finish()
  await socket.subscribe(request(procedures.get(procedure)!, payload, number), number, onElement)
}
