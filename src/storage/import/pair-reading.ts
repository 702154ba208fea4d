import { type Address, isOneOf, type OrderedPair, orderedPair, parseAddress } from '../../domain/address.ts'
import {
  IMPORTED_ACTIONS,
  type ImportedAction,
  type ImportedEvent,
  type ImportedPair
} from '../../domain/imported-pair.ts'
import { Multimap } from '../../lib/multimap.ts'
import type { EventRow, PairRow } from './source.ts'

/** A row that cannot be taken over, and why. */
export interface SkippedRow {
  readonly table: string
  readonly id: string
  readonly reason: string
}

/** What a page of rows says of pairs. */
export interface PairPage {
  readonly pairs: readonly ImportedPair[]
  readonly skipped: readonly SkippedRow[]
}

/** A time after this is no time that a service can have written: the year 2100, in unix milliseconds. */
const LATEST = 4_102_444_800_000

/** Reads a page of rows, and what was noted of them, strictly: what is no such thing is skipped, and said. */
export function readPairs(rows: readonly PairRow[], events: readonly EventRow[]): PairPage {
  const skipped: SkippedRow[] = []
  const eventsOf = new Multimap<string, EventRow>()
  for (const event of events) eventsOf.add(event.pairId, event)
  const pairs = new Map<string, Draft>()
  for (const row of rows) {
    const pair = readAddresses(row)
    if (typeof pair === 'string') skipped.push({ table: row.source, id: row.id, reason: pair })
    else addRow(draftOf(pairs, pair), row, eventsOf.get(row.id), skipped)
  }
  return { pairs: [...pairs.values()], skipped }
}

/** A pair while its rows are read. */
interface Draft extends OrderedPair {
  areFriends: boolean
  touchedAt: number
  readonly events: ImportedEvent[]
  readonly blockedBy: Map<Address, number>
}

function draftOf(drafts: Map<string, Draft>, { lo, hi }: OrderedPair): Draft {
  const key = lo + hi
  const draft = drafts.get(key) ?? { lo, hi, areFriends: false, touchedAt: 0, events: [], blockedBy: new Map() }
  drafts.set(key, draft)
  return draft
}

/** @returns why the row is none of two users, in words */
function readAddresses({ a, b }: PairRow): OrderedPair | string {
  const [one, other] = [parseAddress(a), parseAddress(b)]
  if (!one || !other) return `${JSON.stringify((one ? b : a).slice(0, 60))} is no address`
  return one === other ? 'both are the same user' : orderedPair(one, other)
}

function addRow(draft: Draft, row: PairRow, events: Iterable<EventRow>, skipped: SkippedRow[]): void {
  draft.areFriends ||= row.areFriends
  draft.touchedAt = Math.max(draft.touchedAt, row.touchedAt)
  const blocker = parseAddress(row.blocker)
  if (blocker) draft.blockedBy.set(blocker, Math.max(draft.blockedBy.get(blocker) ?? 0, Math.floor(row.blockedAt ?? 0)))
  for (const event of events) {
    const read = readEvent(draft, event)
    if (typeof read !== 'string') draft.events.push(read)
    else skipped.push({ table: `events of ${row.source}`, id: row.id, reason: read })
  }
}

/** @returns why it is nothing that the two can have done, in words */
function readEvent(pair: OrderedPair, { action: text, actor: user, at, message }: EventRow): ImportedEvent | string {
  const action = actionOf(text)
  if (!action) return `${JSON.stringify(text.slice(0, 60))} is no event`
  const actor = parseAddress(user)
  if (!actor || !isOneOf(pair, actor)) return `${JSON.stringify(user.slice(0, 60))} is none of the two`
  if (at === null || !Number.isFinite(at) || at < 0 || at > LATEST) return 'it has no time'
  return { action, actor, at: Math.floor(at), message: action === 'request' ? message : null }
}

/** The first service stored words as JSON, with their quotes; before and after it did not. */
function actionOf(text: string): ImportedAction | undefined {
  const word = text
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase()
  return IMPORTED_ACTIONS.find(action => action === word)
}
