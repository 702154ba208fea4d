import type { Address } from '../../src/domain/address.ts'
import type { V1Event } from '../env/app.ts'

export const ACTIONS = ['request', 'accept', 'reject', 'cancel', 'delete'] as const

/** What one user does to another, at a time in unix milliseconds. */
export interface Deed {
  readonly actor: Address
  readonly action: (typeof ACTIONS)[number]
  readonly target: Address
  readonly message: string | undefined
  readonly at: number
}

/** What two users are to each other. */
export interface Relation {
  readonly friends: boolean
  readonly asked: Deed | null
  /** The last deed that changed something. */
  readonly last: Deed | null
}

export type Outcome =
  | { readonly kind: 'done' | 'repeated'; readonly deed: Deed }
  | { readonly kind: 'refused'; readonly text: string }

export const STRANGERS: Relation = { friends: false, asked: null, last: null }

const IMPOSSIBLE = 'Invalid friendship event update transition'
const NOT_YOURS = 'Invalid acting user for friendship event update'

/** The rules of friendship, as short as they can be said: what the service must do, told without looking at it. */
export function perform(relation: Relation, deed: Deed): [Outcome, Relation] {
  const { friends, asked, last } = relation
  const refuse = (text: string): [Outcome, Relation] => [{ kind: 'refused', text }, relation]
  const isSame = last?.action === deed.action && last.actor === deed.actor && last.message === deed.message
  if (last && isSame && deed.at - last.at <= 10_000) return [{ kind: 'repeated', deed: last }, relation]

  if (deed.action === 'request' && (asked || friends)) return refuse(IMPOSSIBLE)
  if (deed.action === 'delete' && !friends) return refuse(IMPOSSIBLE)
  if (deed.action === 'accept' || deed.action === 'reject' || deed.action === 'cancel') {
    if (!asked) return refuse(IMPOSSIBLE)
    const isMine = (deed.action === 'cancel') === (asked.actor === deed.actor)
    if (!isMine) return refuse(`${NOT_YOURS} ${deed.action}`)
  }
  const next = { friends: deed.action === 'accept', asked: deed.action === 'request' ? deed : null, last: deed }
  return [{ kind: 'done', deed }, next]
}

/** A deed as v1 tells it to one of the two, naming the other. */
export function eventOf({ action, message, at }: Deed, other: Address): V1Event {
  const user = { address: other }
  return action === 'request'
    ? { request: { user, message, createdAt: Math.floor(at / 1000) } }
    : { [action]: { user } }
}

/** The relations of a few users. */
export class Reference {
  readonly #relations = new Map<string, Relation>()
  readonly #done: Deed[] = []

  perform(deed: Deed): Outcome {
    const [outcome, next] = perform(this.between(deed.actor, deed.target), deed)
    this.#relations.set(keyOf(deed.actor, deed.target), next)
    if (outcome.kind === 'done') this.#done.push(deed)
    return outcome
  }

  between(a: Address, b: Address): Relation {
    return this.#relations.get(keyOf(a, b)) ?? STRANGERS
  }

  friends(user: Address, everybody: readonly Address[]): Address[] {
    return everybody.filter(other => other !== user && this.between(user, other).friends)
  }

  /** Requests that wait for an answer, newest first. */
  waiting(): Deed[] {
    return this.#done.filter(deed => this.between(deed.actor, deed.target).asked === deed).reverse()
  }
}

export function keyOf(a: Address, b: Address): string {
  return [a, b].sort().join()
}
