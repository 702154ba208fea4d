import type { Address } from './address.ts'
import { SocialError } from './errors.ts'

/** What a user does to a friendship, on every surface. */
export const FRIENDSHIP_ACTIONS = ['request', 'accept', 'reject', 'cancel', 'delete'] as const
export type FriendshipAction = (typeof FRIENDSHIP_ACTIONS)[number]

/** Everything that can be the last thing that happened to a pair. */
export const PAIR_ACTIONS = [...FRIENDSHIP_ACTIONS, 'block', 'unblock'] as const
export type PairAction = (typeof PAIR_ACTIONS)[number]

export const PAIR_STATUSES = ['none', 'requested', 'accepted', 'rejected', 'canceled', 'deleted'] as const
export type PairStatus = (typeof PAIR_STATUSES)[number]

/** Two users, as the one row of their pair holds them. */
export interface Pair {
  /** The sequence number of the pair's last event; 0 when nothing ever happened between the two. */
  readonly version: number
  readonly lastAction: PairAction | null
  /** Who did `lastAction`. */
  readonly actor: Address | null
  /** The message of the last request, as it came. */
  readonly message: string | null
  /** When `lastAction` was acknowledged, unix milliseconds. */
  readonly at: number
  /** Who of the two blocks the other, and since when in unix milliseconds. */
  readonly blockedBy: ReadonlyMap<Address, number>
}

/** What a change makes of a pair, before it is committed and has its number. */
export type PairState = Omit<Pair, 'version'>

export const NO_PAIR: Pair = { version: 0, lastAction: null, actor: null, message: null, at: 0, blockedBy: new Map() }

const STATUS_AFTER: Record<PairAction, PairStatus> = {
  request: 'requested',
  accept: 'accepted',
  reject: 'rejected',
  cancel: 'canceled',
  delete: 'deleted',
  block: 'deleted',
  unblock: 'deleted'
}

export function statusOf(pair: Pair): PairStatus {
  return pair.lastAction === null ? 'none' : STATUS_AFTER[pair.lastAction]
}

interface Transition {
  /** The states from which the action is possible. */
  readonly from: readonly PairStatus[]
  /** Who may act, by their part in the present state. */
  readonly by: 'anyone' | 'requester' | 'requested'
}

/** The rules of ADR-189 for v1, v2 and the Matrix state event alike. */
const TRANSITIONS: Record<FriendshipAction, Transition> = {
  request: { from: ['none', 'canceled', 'rejected', 'deleted'], by: 'anyone' },
  cancel: { from: ['requested'], by: 'requester' },
  accept: { from: ['requested'], by: 'requested' },
  reject: { from: ['requested'], by: 'requested' },
  delete: { from: ['accepted'], by: 'anyone' }
}

/**
 * A client whose answer got lost sends the action again within this time, in milliseconds: those that ship wait for 15
 * or 30 seconds before they do.
 */
const REPEAT_WINDOW_MS = 60_000

/** What one user wants to happen between them and another. */
export interface Intent {
  readonly actor: Address
  readonly target: Address
  readonly action: PairAction
  /** Of a request only. */
  readonly message: string | null
}

/**
 * What is to be done about an intent:
 * - `apply`: make `next` the pair's state, if it still has the version that was decided upon;
 * - `unchanged`: it is so already, or was just sent twice; nobody is notified, and the answer is that of the first
 *   time.
 */
export type Decision =
  | { readonly kind: 'apply'; readonly next: PairState; readonly counts: readonly CountChange[] }
  | { readonly kind: 'unchanged' }

/** How a decision changes the number of friends of one user, and of requests from and to them that wait for an answer. */
export interface CountChange {
  readonly user: Address
  readonly friends: number
  readonly outgoing: number
  readonly incoming: number
}

/**
 * Decides an intent against the present state of the pair.
 * @param now unix milliseconds
 * @throws SocialError `invalid_request` (oneself), `forbidden` (a block), `invalid_transition`
 */
export function decide(pair: Pair, intent: Intent, now: number): Decision {
  if (intent.actor === intent.target) throw new SocialError('invalid_request', 'You cannot act upon yourself')
  if (intent.action === 'block' || intent.action === 'unblock') return decideBlock(pair, intent, intent.action, now)
  if (isRepeat(pair, intent, now)) return { kind: 'unchanged' }
  if (pair.blockedBy.size > 0) throw new SocialError('forbidden', 'This user cannot be befriended')

  const { from, by } = TRANSITIONS[intent.action]
  if (!from.includes(statusOf(pair))) {
    throw new SocialError('invalid_transition', 'Invalid friendship event update transition')
  }
  const isLastActor = pair.actor === intent.actor
  if ((by === 'requester' && !isLastActor) || (by === 'requested' && isLastActor)) {
    throw new SocialError('invalid_transition', `Invalid acting user for friendship event update ${intent.action}`)
  }
  return apply(pair, intent, pair.blockedBy, now)
}

function decideBlock(pair: Pair, intent: Intent, action: 'block' | 'unblock', now: number): Decision {
  if (pair.blockedBy.has(intent.actor) === (action === 'block')) return { kind: 'unchanged' }
  const blockedBy = new Map(pair.blockedBy)
  if (action === 'block') blockedBy.set(intent.actor, now)
  else blockedBy.delete(intent.actor)
  return apply(pair, intent, blockedBy, now)
}

function isRepeat(pair: Pair, intent: Intent, now: number): boolean {
  return (
    pair.lastAction === intent.action &&
    pair.actor === intent.actor &&
    (intent.action !== 'request' || pair.message === intent.message) &&
    now - pair.at <= REPEAT_WINDOW_MS
  )
}

function apply(pair: Pair, intent: Intent, blockedBy: Pair['blockedBy'], now: number): Decision {
  const { actor, action } = intent
  const message = action === 'request' ? intent.message : null
  const next = { lastAction: action, actor, message, at: now, blockedBy }
  return { kind: 'apply', next, counts: countChanges(pair, intent) }
}

function countChanges(pair: Pair, { actor, target, action }: Intent): CountChange[] {
  const before = statusOf(pair)
  const after = STATUS_AFTER[action]
  const friends = Number(after === 'accepted') - Number(before === 'accepted')
  const isBegun = Number(after === 'requested')
  const isEnded = Number(before === 'requested')
  const outgoingOf = (user: Address): number => (user === actor ? isBegun : 0) - (user === pair.actor ? isEnded : 0)
  const incomingOf = (user: Address): number => (user === actor ? 0 : isBegun) - (user === pair.actor ? 0 : isEnded)
  return [actor, target]
    .map(user => ({ user, friends, outgoing: outgoingOf(user), incoming: incomingOf(user) }))
    .filter(change => change.friends !== 0 || change.outgoing !== 0 || change.incoming !== 0)
}
