import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { NO_PAIR } from '../../src/domain/friendship.ts'
import { DEFAULT_SETTINGS } from '../../src/domain/settings.ts'
import { BlockLists } from '../../src/storage/blocks.ts'
import type { Database, Statement } from '../../src/storage/db/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { FriendLists } from '../../src/storage/friend-lists.ts'
import { FriendshipStore } from '../../src/storage/friendships.ts'
import { LogHolders } from '../../src/storage/log-holders.ts'
import { MuteStore } from '../../src/storage/mutes.ts'
import { NOTIFICATION_OUTBOX } from '../../src/storage/notification-outbox.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../../src/storage/outbox.ts'
import { SessionStore } from '../../src/storage/sessions.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { SignedRequestStore } from '../../src/storage/signed-requests.ts'

/** A statement as a store sends it, with the values of one call. */
export interface Call {
  readonly statement: Statement
  readonly values: readonly unknown[]
}

/** What PostgreSQL says of one step of a plan, as far as the tests read it. */
interface Step {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly Plans?: readonly Step[]
}

export interface Plan {
  /** Tables that were read from their beginning to their end. */
  readonly scanned: readonly string[]
  /** Pages of 8 kB that were looked at. */
  readonly buffers: number
  /** Rows that any step looked at, those that it dropped included. */
  readonly touched: number
}

/** Users by their number: 1 … USERS. */
const USERS = 200_000
/** Twenty have expired, whatever the time is; all others not for a hundred years. */
const EXPIRY = 'row_number() over () + case when row_number() over () <= 20 then 0 else 5000000000000 end'
export const userOf = (n: number): Address => parseAddress(`0x${n.toString(16).padStart(40, '0')}`)!
const SINK = 'webhook-chat'
/** Two users with more friends and requests than anybody may have. */
export const STARS = [userOf(USERS + 1), userOf(USERS + 2)] as const

/**
 * A million pairs: every user has up to ten neighbours, and six in ten pairs are friends. The two stars are
 * friends with each fifth user, and asked each seventh.
 */
const ROWS = [
  `insert into pair
    select '0x' || lpad(to_hex(n), 40, '0'), '0x' || lpad(to_hex(n + d), 40, '0'), (n * 5 + d),
      case d when 4 then 1 when 5 then 6 else 2 end, n % 2 = 0, n, null, case when d = 5 then n end, null
    from generate_series(1, ${USERS - 5}) n, generate_series(1, 5) d`,
  `insert into pair
    select '0x' || lpad(to_hex(n), 40, '0'), '0x' || lpad(to_hex(star), 40, '0'), ${10 * USERS} + n,
      case when n % 5 = 0 then 2 else 1 end, star % 2 = 0, n, null, null, null
    from generate_series(1, ${USERS}) n, generate_series(${USERS + 1}, ${USERS + 2}) star where n % 5 = 0 or n % 7 = 0`,
  `insert into pair_event (seq, lo, hi, action, actor_is_lo, previous, acted_at)
    select row_number() over (order by version, hi), lo, hi, last_action, actor_is_lo, 0, acted_at from pair`,
  `insert into user_count select user_address, 1, 1, 1 from (select lo from pair union select hi from pair) u (user_address)`,
  `select setval('pair_event_seq', ${11 * USERS})`,
  `insert into user_settings select address, 1, 1, 1, 1, 1 from user_count`,
  `insert into user_mute select lo, hi, acted_at from pair where last_action = 6`,
  `insert into session select sha256(address::bytea), address, 'device', 1, ${EXPIRY} from user_count`,
  `insert into used_login select sha256(address::bytea), ${EXPIRY} from user_count`,
  `insert into matrix_log_position (seq) select max(seq) - 500 from pair_event`,
  `insert into matrix_log_gap select n, '9000000' from generate_series(9000000, 9000050) n`,
  `insert into matrix_outbox (lo, hi, seq) select lo, hi, seq from pair_event where seq <= 100`,
  `insert into notification_position select '${SINK}', max(seq) - 500 from settings_event`,
  `insert into notification_gap select '${SINK}', n, '9000000' from generate_series(9000000, 9000020) n`,
  `insert into notification_outbox (sink, lo, hi, seq)
    select sink, lo, hi, seq from pair_event, (values ('${SINK}'), ('other')) sinks (sink) where seq <= 100`,
  `vacuum analyze`
]

/** Two users with 500 friends each, 250 of them in common, and nobody else: half of all pairs are of one of them. */
const YOUNG_ROWS = [
  `insert into pair
    select '0x' || lpad(to_hex(n), 40, '0'), '0x' || lpad(to_hex(star), 40, '0'), star * 1000 + n, 2, true, n, null, null, null
    from generate_series(1, 750) n, generate_series(${USERS + 1}, ${USERS + 2}) star
    where case star when ${USERS + 1} then n <= 500 else n > 250 end`,
  `insert into pair_event (seq, lo, hi, action, actor_is_lo, previous, acted_at)
    select row_number() over (order by version), lo, hi, last_action, actor_is_lo, 0, acted_at from pair`,
  `insert into user_count select user_address, count(*), 0, 0
    from (select lo from pair union all select hi from pair) u (user_address) group by 1`,
  `select setval('pair_event_seq', 1000)`
]
const TABLES = ['pair', 'pair_event_0', 'user_count']

/** The worlds in which a plan has to be good: what PostgreSQL knows of them differs most. */
export const WORLDS = {
  'a million pairs': ROWS,
  'a young world, of which it has statistics': [...YOUNG_ROWS, 'vacuum analyze'],
  'a young world, of which it knows nothing': [
    ...TABLES.map(table => `alter table ${table} set (autovacuum_enabled = false)`),
    ...YOUNG_ROWS
  ]
}

export async function fill(db: Database, rows: readonly string[]): Promise<void> {
  for (const [i, text] of rows.entries()) await db.rows({ name: `fill-${i}`, text }, [])
}

/** Every statement that the stores send, with the values that they send for two users. */
export async function calls(alice: Address, bob: Address): Promise<Call[]> {
  const all: Call[] = []
  const rows = async (statement: Statement, values: readonly unknown[]) => {
    all.push({ statement, values })
    return []
  }
  const db = { rows, retryableRows: rows, isOnePlace: true } as unknown as Database
  const page = { limit: 20, offset: 0 }
  const lists = new FriendLists(db)
  await lists.friends(alice, page)
  await Promise.all([lists.friends(alice, page), lists.friends(bob, page)])
  await lists.friendCount(alice)
  await lists.visibleFriends(alice, bob, page)
  await lists.mutualFriends(alice, bob, page)
  await lists.closeness(alice, bob)
  await lists.relations([
    { a: alice, b: bob },
    { a: userOf(7_000), b: STARS[0] },
    { a: bob, b: bob }
  ])
  await lists.requests(alice, 'incoming', page)
  await lists.requests(alice, 'outgoing', page)
  const blocks = new BlockLists(db)
  await blocks.blocked(alice, page)
  await blocks.status(alice, 2000)
  const settings = new SettingsStore(db)
  await settings.read(alice)
  await settings.messageSettings(alice, [bob, userOf(7_000), userOf(100)])
  await settings.change(alice, DEFAULT_SETTINGS).catch(() => undefined)
  const mutes = new MuteStore(db, 2000, () => undefined)
  await mutes.add(alice, bob, 1).catch(() => undefined)
  await mutes.remove(alice, bob)
  await mutes.list(alice, page, [bob])
  const log = new EventLog(db)
  await log.sweep(50_000, [10, 20_000, 49_999], 100, true)
  await log.findAll([10, 20_000, 49_999])
  await log.find(50_000)
  await log.latest()
  await log.afterForTarget(alice, 100, 100)
  const friendships = new FriendshipStore(db, { friends: 2000, outgoing: 2000, incoming: 2000 })
  const intent = { actor: alice, target: bob, action: 'delete' as const, message: null }
  const next = { ...NO_PAIR, lastAction: 'delete' as const, actor: alice }
  const counts = [alice, bob].map(user => ({ user, friends: -1, outgoing: 0, incoming: 0 }))
  await friendships.read(alice, bob)
  await Promise.all([friendships.read(alice, bob), friendships.read(alice, userOf(7_000))])
  await friendships.swap(intent, NO_PAIR, next, counts)
  await friendships.swap(intent, { ...NO_PAIR, version: 25_001 }, next, counts)
  await friendships.findSwapped(intent, { ...NO_PAIR, version: 25_001 }, next)
  const leased = { event: { ...intent, kind: 'pair', seq: 50 } as PairEvent, attempts: 0, leasedUntil: 0 }
  const matrix = new OutboxStore(db, MATRIX_OUTBOX)
  for (const outbox of [matrix, new OutboxStore(db, NOTIFICATION_OUTBOX, SINK)]) {
    await outbox.enqueueFromLog(20)
    await outbox.lease(8, 60_000)
    await outbox.finish(leased, 60_000)
    await outbox.postpone(leased, { delayMs: 1, attempts: 1, error: 'away', parked: false })
    await outbox.parked(10)
    await outbox.stats()
  }
  const holders = new LogHolders(db, 60_000)
  await holders.use({ homeserver: true, sinks: [SINK] })
  // All devices are looked at when a partition could go but for them.
  await holders.holderOf(50_000, false)
  await holders.taken(50_000)
  await holders.sweep(60_000)
  const sessions = new SessionStore(db, 50)
  const tokenHash = randomBytes(32)
  await sessions.start(
    { tokenHash, address: alice, deviceId: 'phone', createdAt: 1, expiresAt: 2 },
    { id: tokenHash, expiresAt: 2 }
  )
  await sessions.find(tokenHash, 1)
  await sessions.alive([tokenHash])
  await sessions.end(tokenHash)
  await sessions.endAll(alice)
  await sessions.sweep()
  await new SignedRequestStore(db).use({ signature: tokenHash, request: tokenHash, expiresAt: Date.now() + 60_000 })
  return all
}

/** Runs a statement by its generic plan, which is the one that serves every value; what it writes is taken back. */
export async function explain(url: string, { statement, values }: Call): Promise<Plan> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('set plan_cache_mode = force_generic_plan')
    await client.query(`prepare it as ${statement.text}`)
    await client.query('begin')
    const execute = values.length === 0 ? 'execute it' : `execute it (${values.map(literal).join()})`
    const { rows } = await client.query(`explain (analyze, buffers, format json) ${execute}`)
    await client.query('rollback')
    const root: Step = rows[0]['QUERY PLAN'][0].Plan
    const steps = flatten(root)
    return {
      touched: steps.reduce((sum, step) => sum + touchedBy(step), 0),
      scanned: steps.flatMap(step => (step['Node Type'].endsWith('Seq Scan') ? [step['Relation Name'] ?? '?'] : [])),
      buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks']
    }
  } finally {
    await client.end()
  }
}

function touchedBy(step: Step): number {
  const dropped = (step['Rows Removed by Filter'] ?? 0) + (step['Rows Removed by Join Filter'] ?? 0)
  return (step['Actual Rows'] + dropped) * step['Actual Loops']
}

function flatten(step: Step): Step[] {
  return [step, ...(step.Plans ?? []).flatMap(flatten)]
}

function literal(value: unknown): string {
  if (value === null) return 'null'
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`
  if (Array.isArray(value)) return `'{${value.map(element).join()}}'`
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : `'${value}'`
}

function element(value: unknown): string {
  return Buffer.isBuffer(value) ? `"\\\\x${value.toString('hex')}"` : String(value)
}
