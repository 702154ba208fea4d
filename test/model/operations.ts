import type { V1Event, V1User } from '../env/app.ts'
import { eventOf, type Operation, type Outcome } from './reference.ts'

/** An event in one line, which says all that it holds. */
export function inWords(event: V1Event | undefined): string {
  const [action, body] = Object.entries(event ?? {}).find(([, value]) => value !== undefined) ?? ['nothing']
  const { createdAt, message } = event?.request ?? {}
  return [action, body?.user?.address, createdAt ?? '-', JSON.stringify(message) ?? '-'].join(' ')
}

/** Does it through the published client. @returns the event that answered it in words, or the text of the refusal */
export async function send({ client }: V1User, { action, target, message }: Operation): Promise<string> {
  const calls = {
    request: () => client.requestFriendship(target, message),
    accept: () => client.acceptFriendshipRequest(target),
    reject: () => client.rejectFriendshipRequest(target),
    cancel: () => client.cancelFriendshipRequest(target),
    delete: () => client.removeFriend(target)
  }
  return calls[action]().then(inWords, (error: Error) => error.message)
}

/** What the one who acted is answered. */
export function answerTo(outcome: Outcome): string {
  return outcome.kind === 'refused' ? outcome.text : inWords(eventOf(outcome.operation, outcome.operation.target))
}
