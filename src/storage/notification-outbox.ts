import { type Address, orderedPair } from '../domain/address.ts'
import type { PairEvent, SettingsEvent } from '../domain/events.ts'
import type { Database } from './db/database.ts'
import { EVENT_COLUMNS, type EventRow, toEvent as toPairEvent } from './event-log.ts'
import { outboxKind } from './outbox.ts'
import { SETTINGS_COLUMNS, settingOf, toSettings } from './settings.ts'

/** Everything that other systems are told. */
export type NotifiedEvent = PairEvent | SettingsEvent

type Row = [...ofPair: EventRow, changed: string[] | null, ...settings: number[]]

/** Columns of an event, in the order of {@link EVENT_COLUMNS}. */
const PAIR_COLUMNS = EVENT_COLUMNS.split(', ').length
const nulls = SETTINGS_COLUMNS.split(', ').map(name => `null::smallint as ${name}`)
// Both logs have their numbers from one sequence. What a change of settings has no value for, it has a null for.
const LOG = `(
  select ${EVENT_COLUMNS}, null::text[] as changed, ${nulls} from pair_event
  union all
  select seq, address, address, 0::smallint, 0::smallint, null::boolean, true, changed_at, null::bytea,
    changed, ${SETTINGS_COLUMNS} from settings_event
) event_log`

/** What happens to pairs and to the settings of users, as each sink is to be told it. */
export const NOTIFICATION_OUTBOX = outboxKind<NotifiedEvent>({
  name: 'notifications',
  log: LOG,
  logTables: 'pair_event, settings_event',
  columns: `${EVENT_COLUMNS}, changed, ${SETTINGS_COLUMNS}`,
  queue: 'notification_outbox',
  position: 'notification_position',
  gaps: 'notification_gap',
  isShared: true,
  toEvent: row => toEvent(row as Row),
  pairOf: event =>
    event.kind === 'settings' ? { lo: event.user, hi: event.user } : orderedPair(event.actor, event.target)
})

const SINKS = { name: 'notifications-sinks', text: 'select sink from notification_position order by sink' }

/** The sinks that there ever were, whether they are configured or not. */
export async function knownSinks(db: Database): Promise<string[]> {
  return (await db.retryableRows<[string]>(SINKS, [])).map(([sink]) => sink)
}

function toEvent(row: Row): NotifiedEvent | null {
  const ofPair = row.slice(0, PAIR_COLUMNS) as EventRow
  const [changed, ...settings] = row.slice(PAIR_COLUMNS) as [string[] | null, ...number[]]
  if (changed === null) return toPairEvent(ofPair)
  const [seq, user, , , , , , at] = ofPair
  return {
    kind: 'settings',
    seq: seq as number,
    user: user as Address,
    settings: toSettings(settings),
    changed: changed.map(settingOf),
    at
  }
}
