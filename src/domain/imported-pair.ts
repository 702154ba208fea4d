import { type Address, type OrderedPair, otherOf } from './address.ts'
import type { PairAction, PairState } from './friendship.ts'

/** Something that an earlier service noted of two users. */
export interface ImportedEvent {
  /** One of {@link IMPORTED_ACTIONS}. */
  readonly action: ImportedAction
  readonly actor: Address
  /** Unix milliseconds. */
  readonly at: number
  readonly message: string | null
}

/** Everything that an earlier service knows of two users, whichever of its rows it stood in. */
export interface ImportedPair extends OrderedPair {
  /** Whether any of its rows says that they are friends now. */
  readonly areFriends: boolean
  /** In no order. */
  readonly events: readonly ImportedEvent[]
  /** Who of the two blocks the other, and since when in unix milliseconds. */
  readonly blockedBy: ReadonlyMap<Address, number>
  /** When its rows were made or changed last, unix milliseconds; 0 when they do not say. */
  readonly touchedAt: number
}

/** What an earlier service contradicts itself in, and what is made of it. */
export const REPAIRS = {
  'friends-without-accept': 'friends now, although the last that is noted is no acceptance: they are friends',
  'accept-of-no-friends': 'no friends now, although the last that is noted is an acceptance: one deleted the other',
  'blocked-friends': 'friends or with a request, although one blocks the other: the block has ended it',
  'block-without-row': 'the last that is noted is a block that is no more: they are no friends'
} as const
export type Repair = keyof typeof REPAIRS

/** What earlier services note, in the order in which it can happen when two things have the same second. */
export const IMPORTED_ACTIONS = ['request', 'cancel', 'reject', 'accept', 'delete', 'block'] as const
export type ImportedAction = (typeof IMPORTED_ACTIONS)[number]

/** What becomes of an imported pair; null when nothing ever happened between the two. */
export interface ImportedState {
  readonly state: PairState | null
  readonly repair: Repair | null
}

/**
 * The state of a pair by what an earlier service knows of it. Whether they are friends, and who blocks whom, is
 * what that service acted by; the rest is what was noted last.
 */
export function stateOfImported(pair: ImportedPair): ImportedState {
  const events = [...pair.events].sort((a, b) => a.at - b.at || rankOf(a.action) - rankOf(b.action))
  const last = events.at(-1)
  if (pair.blockedBy.size > 0) return blocked(pair, last)
  if (pair.areFriends) return friends(pair, events)
  if (!last) return { state: null, repair: null }
  if (last.action === 'accept') return { state: stateOf('delete', last), repair: 'accept-of-no-friends' }
  if (last.action === 'block') return { state: stateOf('unblock', last), repair: 'block-without-row' }
  return { state: stateOf(last.action, last), repair: null }
}

function blocked({ areFriends, blockedBy }: ImportedPair, last: ImportedEvent | undefined): ImportedState {
  const [[actor, at] = []] = [...blockedBy].sort(([, a], [, b]) => b - a)
  if (actor === undefined || at === undefined) return { state: null, repair: null }
  const isOpen = areFriends || last?.action === 'request'
  const state = { lastAction: 'block', actor, message: null, at, blockedBy } as const
  return { state, repair: isOpen ? 'blocked-friends' : null }
}

function friends(pair: ImportedPair, events: readonly ImportedEvent[]): ImportedState {
  const last = events.at(-1)
  if (last?.action === 'accept') return { state: stateOf('accept', last), repair: null }
  const accept = events.findLast(({ action }) => action === 'accept')
  const request = events.findLast(({ action }) => action === 'request')
  const actor = accept?.actor ?? (request ? otherOf(pair, request.actor) : pair.hi)
  const at = Math.max(last?.at ?? 0, pair.touchedAt)
  return { state: stateOf('accept', { actor, at, message: null }), repair: 'friends-without-accept' }
}

function stateOf(lastAction: PairAction, { actor, at, message }: Omit<ImportedEvent, 'action'>): PairState {
  return { lastAction, actor, at, message: lastAction === 'request' ? message : null, blockedBy: new Map() }
}

function rankOf(action: ImportedAction): number {
  return IMPORTED_ACTIONS.indexOf(action)
}
