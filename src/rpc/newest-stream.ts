import type { Call } from './engine/service.ts'

/** What a subscription goes on with that is not open yet: nothing. */
const OPENING = 'opening'

/**
 * Makes a subscription the only one of its procedure, for its user, on its socket: there are clients that subscribe
 * again every half minute, forget the older stream, and say nothing of it.
 * @param holder whose it is, where a socket has subscriptions of several users
 * @param open opens what the stream takes its elements from. It is given that of the older stream, if there is one, and
 * takes it over before it waits for anything, so that nothing is lost or told twice between the two
 */
export async function takePlace<Source>(
  call: Call<unknown>,
  holder: string | null,
  open: (older: unknown) => Promise<Source>
): Promise<Source> {
  call.holder = holder
  call.source = OPENING
  const older = [...call.connection.openStreams()].filter(
    stream => stream.call !== call && stream.call.procedure === call.procedure && stream.call.holder === holder
  )
  const opening = open(older.at(-1)?.call.source ?? null)
  for (const stream of older) stream.replace()
  const source = await opening
  call.source = source
  return source
}
