import type { Boundary, Method } from '../boundary.ts'
import type { Call, Procedure } from '../engine/service.ts'
import { takePlace } from '../newest-stream.ts'
import { internalCase, rethrow, V2_METHODS } from './codec.ts'

const NOT_SERVED = 'Voice chats and communities are not part of this service'
const NO_CHAT = 'There is no such voice chat'

/** An answer that is an error case. */
type ErrorAnswer<Name extends string> = Name extends string
  ? { readonly response: { readonly $case: Name } & { readonly [Key in Name]: { readonly message: string } } }
  : never

/**
 * The methods of the definition that belong to other services. Clients that are out there call them, so that they are
 * there, and are told what is the case: chats cannot be begun here, and there are none. A stream stays open and silent
 * until the client ends it.
 */
export function unservedProcedures<Context>(boundary: Boundary<Context>): Procedure<Context>[] {
  const answered = <Name extends string>(
    $case: Name,
    message: string,
    methods: readonly Method<unknown, ErrorAnswer<Name | 'internalServerError'>>[]
  ) => {
    const answer = { response: { $case, [$case]: { message } } } as ErrorAnswer<Name>
    return methods.map(method => boundary.unary({ method, refuse: internalCase, handle: async () => answer }))
  }
  const streams = [
    V2_METHODS.subscribeToCommunityMemberConnectivityUpdates,
    V2_METHODS.subscribeToPrivateVoiceChatUpdates,
    V2_METHODS.subscribeToCommunityVoiceChatUpdates
  ]
  return [
    ...answered('forbiddenError', NOT_SERVED, [V2_METHODS.startPrivateVoiceChat, V2_METHODS.startCommunityVoiceChat]),
    ...answered('notFound', NO_CHAT, [
      V2_METHODS.getIncomingPrivateVoiceChatRequest,
      V2_METHODS.acceptPrivateVoiceChat,
      V2_METHODS.rejectPrivateVoiceChat,
      V2_METHODS.endPrivateVoiceChat
    ]),
    ...answered('notFoundError', NO_CHAT, [
      V2_METHODS.joinCommunityVoiceChat,
      V2_METHODS.requestToSpeakInCommunityVoiceChat,
      V2_METHODS.promoteSpeakerInCommunityVoiceChat,
      V2_METHODS.demoteSpeakerInCommunityVoiceChat,
      V2_METHODS.kickPlayerFromCommunityVoiceChat,
      V2_METHODS.rejectSpeakRequestInCommunityVoiceChat,
      V2_METHODS.endCommunityVoiceChat,
      V2_METHODS.muteSpeakerFromCommunityVoiceChat
    ]),
    ...streams.map((method: Method<unknown, never>) =>
      boundary.stream({ method, refuse: rethrow, handle: (_, call) => silence(call) })
    )
  ]
}

/** Yields nothing, until the call is over: as it is when the client subscribes again. */
async function* silence(call: Call<unknown>): AsyncGenerator<never> {
  await takePlace(call, null, async () => 'silence')
  if (call.signal.aborted) return
  await new Promise<void>(resolve => call.signal.addEventListener('abort', resolve))
}
