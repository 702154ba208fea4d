import type { Boundary, Method } from '../boundary.ts'
import type { Call, Procedure } from '../engine/service.ts'
import { takePlace } from '../newest-stream.ts'
import { METHODS, rethrow } from './codec.ts'

const MESSAGE = 'Voice chats and communities are not part of this service'

/** The error case that all voice-chat responses share. */
interface Refusal {
  readonly response: {
    readonly $case: 'internalServerError'
    readonly internalServerError: { readonly message: string }
  }
}

const refusal = (): Refusal => ({
  response: { $case: 'internalServerError', internalServerError: { message: MESSAGE } }
})

/**
 * The methods of the definition that belong to other services. Clients that are out there call them, so that they are
 * there: a call is answered with an error case, a stream stays open and silent until the client ends it.
 */
export function unservedProcedures<Context>(boundary: Boundary<Context>): Procedure<Context>[] {
  const unary = [
    METHODS.startPrivateVoiceChat,
    METHODS.acceptPrivateVoiceChat,
    METHODS.rejectPrivateVoiceChat,
    METHODS.endPrivateVoiceChat,
    METHODS.getIncomingPrivateVoiceChatRequest,
    METHODS.startCommunityVoiceChat,
    METHODS.joinCommunityVoiceChat,
    METHODS.requestToSpeakInCommunityVoiceChat,
    METHODS.promoteSpeakerInCommunityVoiceChat,
    METHODS.demoteSpeakerInCommunityVoiceChat,
    METHODS.kickPlayerFromCommunityVoiceChat,
    METHODS.rejectSpeakRequestInCommunityVoiceChat,
    METHODS.endCommunityVoiceChat,
    METHODS.muteSpeakerFromCommunityVoiceChat
  ]
  const streams = [
    METHODS.subscribeToCommunityMemberConnectivityUpdates,
    METHODS.subscribeToPrivateVoiceChatUpdates,
    METHODS.subscribeToCommunityVoiceChatUpdates
  ]
  return [
    ...unary.map((method: Method<unknown, Refusal>) =>
      boundary.unary({ method, refuse: refusal, handle: async () => refusal() })
    ),
    ...streams.map((method: Method<unknown, never>) =>
      boundary.stream({ method, refuse: rethrow, handle: (_, call) => silence(call) })
    )
  ]
}

/** Yields nothing, until the call is over: as it is when the client subscribes again. */
async function* silence(call: Call<unknown>): AsyncGenerator<never> {
  await takePlace(call, null, async () => 'silence')
  if (call.signal.aborted) return
  await new Promise(resolve => call.signal.addEventListener('abort', resolve, { once: true }))
}
