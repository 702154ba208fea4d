import type { Address } from '../../src/domain/address.ts'
import type { V1Event } from '../env/app.ts'

export const ACTIONS = ['request', 'accept', 'reject', 'cancel', 'delete'] as const

/** What one user does to another, at a time in unix milliseconds. */
export interface Operation {
  readonly actor: Address
  readonly action: (typeof ACTIONS)[number]
  readonly target: Address
  readonly message: string | undefined
  readonly at: number
}

/** What two users are to each other. */
export interface Relation {
  readonly friends: boolean
  readonly asked: Operation | null
  /** The last operation that changed something. */
  readonly last: Operation | null
}

export type Outcome =
  | { readonly kind: 'done' | 'repeated'; readonly operation: Operation }
  | { readonly kind: 'refused'; readonly text: string }

export const STRANGERS: Relation = { friends: false, asked: null, last: null }

const IMPOSSIBLE = 'Invalid friendship event update transition'
const NOT_YOURS = 'Invalid acting user for friendship event update'

/** The rules of friendship, as short as they can be said: what the service must do, without a look at it. */
export function perform(relation: Relation, operation: Operation): [Outcome, Relation] {
  const { friends, asked, last } = relation
  const refuse = (text: string): [Outcome, Relation] => [{ kind: 'refused', text }, relation]
  const isSame =
    last?.action === operation.action && last.actor === operation.actor && last.message === operation.message
  if (last && isSame && operation.at - last.at <= 60_000) return [{ kind: 'repeated', operation: last }, relation]

  if (operation.action === 'request' && (asked || friends)) return refuse(IMPOSSIBLE)
  if (operation.action === 'delete' && !friends) return refuse(IMPOSSIBLE)
  if (operation.action === 'accept' || operation.action === 'reject' || operation.action === 'cancel') {
    if (!asked) return refuse(IMPOSSIBLE)
    const isMine = (operation.action === 'cancel') === (asked.actor === operation.actor)
    if (!isMine) return refuse(`${NOT_YOURS} ${operation.action}`)
  }
  const next = {
    friends: operation.action === 'accept',
    asked: operation.action === 'request' ? operation : null,
    last: operation
  }
  return [{ kind: 'done', operation }, next]
}

/** An operation as v1 tells it to one of the two, naming the other. */
export function eventOf({ action, message, at }: Operation, other: Address): V1Event {
  const user = { address: other }
  return action === 'request'
    ? { request: { user, message, createdAt: Math.floor(at / 1000) } }
    : { [action]: { user } }
}

/** The relations of a few users. */
export class Reference {
  readonly #relations = new Map<string, Relation>()
  readonly #done: Operation[] = []

  perform(operation: Operation): Outcome {
    const [outcome, next] = perform(this.between(operation.actor, operation.target), operation)
    this.#relations.set(keyOf(operation.actor, operation.target), next)
    if (outcome.kind === 'done') this.#done.push(operation)
    return outcome
  }

  between(a: Address, b: Address): Relation {
    return this.#relations.get(keyOf(a, b)) ?? STRANGERS
  }

  friends(user: Address, everybody: readonly Address[]): Address[] {
    return everybody.filter(other => other !== user && this.between(user, other).friends)
  }

  /** Requests that wait for an answer, newest first. */
  waiting(): Operation[] {
    return this.#done.filter(operation => this.between(operation.actor, operation.target).asked === operation).reverse()
  }
}

export function keyOf(a: Address, b: Address): string {
  return [a, b].sort().join()
}
