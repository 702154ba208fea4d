import type { Address } from '../../src/domain/address.ts'
import type { PairAction } from '../../src/domain/friendship.ts'

/** What one user does to another, at a time in unix milliseconds. */
export interface Operation {
  readonly actor: Address
  readonly target: Address
  readonly action: PairAction
  readonly at: number
}

/** What two users are to each other. */
export interface Relation {
  readonly friends: boolean
  readonly askedBy: Address | null
  readonly blockedBy: readonly Address[]
  readonly last: Operation | null
}

const STRANGERS: Relation = { friends: false, askedBy: null, blockedBy: [], last: null }

/** Kept: it was so already, and is answered like what was done. */
export type Outcome = 'done' | 'kept' | 'refused'

/** The rules of friendships and blocks, as short as they can be said, without a look at the service. */
export function perform(relation: Relation, operation: Operation): [Outcome, Relation] {
  const { friends, askedBy, blockedBy, last } = relation
  const { actor, action } = operation
  const kept: [Outcome, Relation] = ['kept', relation]
  const blocks = blockedBy.includes(actor)
  if (action === 'block') {
    return blocks ? kept : ['done', { ...STRANGERS, blockedBy: [...blockedBy, actor], last: operation }]
  }
  if (action === 'unblock') {
    return blocks ? ['done', { ...relation, blockedBy: blockedBy.filter(by => by !== actor), last: operation }] : kept
  }
  if (last?.action === action && last.actor === actor && operation.at - last.at <= 60_000) return kept
  const isPossible = {
    request: !friends && askedBy === null,
    cancel: askedBy === actor,
    accept: askedBy === operation.target,
    reject: askedBy === operation.target,
    delete: friends
  }[action]
  if (blockedBy.length > 0 || !isPossible) return ['refused', relation]
  const next = {
    ...STRANGERS,
    friends: action === 'accept',
    askedBy: action === 'request' ? actor : null,
    last: operation
  }
  return ['done', next]
}

/** What the other one receives of an operation, by each protocol. */
export function newsOf(
  { friends, askedBy }: Relation,
  { actor, action }: Operation
): { v1: PairAction[]; v2: PairAction[] } {
  if (action === 'unblock') return { v1: [], v2: [] }
  if (action !== 'block') return { v1: [action], v2: [action] }
  if (friends) return { v1: ['delete'], v2: ['block'] }
  if (askedBy === null) return { v1: [], v2: ['block'] }
  return { v1: [askedBy === actor ? 'cancel' : 'reject'], v2: ['block'] }
}

/** What each user of a group is to the others. */
export class Reference {
  readonly #relations = new Map<string, Relation>()

  between(a: Address, b: Address): Relation {
    return this.#relations.get([a, b].sort().join()) ?? STRANGERS
  }

  perform(operation: Operation): Outcome {
    const [outcome, next] = perform(this.between(operation.actor, operation.target), operation)
    this.#relations.set([operation.actor, operation.target].sort().join(), next)
    return outcome
  }
}
