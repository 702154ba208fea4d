import { Client } from 'pg'
import type { Address } from '../../src/domain/address.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'
import { ACTION_CODE, actionOfCode, fromBytes } from '../../src/storage/schema.ts'
import type { ReceivedUpdate } from '../env/device.ts'

/** One row of the event log. */
export interface Logged {
  readonly seq: number
  readonly actor: Address
  readonly target: Address
  readonly action: FriendshipAction
  readonly message: string | null
}

/** What a client did, and what it knows of the outcome. */
export interface Operation {
  readonly actor: Address
  readonly target: Address
  readonly action: FriendshipAction
  readonly message: string | null
  readonly outcome: 'acknowledged' | 'refused' | 'in doubt'
}

/** The whole log, in the order of its numbers. */
export async function readLog(databaseUrl: string): Promise<Logged[]> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query('select * from pair_event order by seq')
    return rows.map(({ seq, lo, hi, actor_is_lo, action, message }) => ({
      seq: Number(seq),
      actor: actor_is_lo ? lo : hi,
      target: actor_is_lo ? hi : lo,
      action: actionOfCode(action) as FriendshipAction,
      message: fromBytes(message)
    }))
  } finally {
    await client.end()
  }
}

/** Violations in what became of the operations: every request has a message of its own, by which it is found in the log. */
export function checkOperations(operations: readonly Operation[], log: readonly Logged[]): string[] {
  const violations: string[] = []
  const timesOf = new Map<string | null, number>()
  for (const { message } of log) timesOf.set(message, (timesOf.get(message) ?? 0) + 1)
  for (const operation of operations) {
    if (operation.action !== 'request') continue
    const times = timesOf.get(operation.message) ?? 0
    const allowed = { acknowledged: [1], refused: [0], 'in doubt': [0, 1] }[operation.outcome]
    if (!allowed.includes(times))
      violations.push(`${describe(operation)} was ${operation.outcome}, and is ${times} times in the log`)
  }
  return violations
}

/** Whether the log is what the rules allow: each event of a pair follows from the one before it. */
export function checkLog(log: readonly Logged[]): string[] {
  const after = new Map<string, Logged>()
  const violations: string[] = []
  for (const event of log) {
    const pair = [event.actor, event.target].sort().join()
    const before = after.get(pair)
    const isAnswer = before?.action === 'request'
    const allowed = {
      request: !isAnswer && before?.action !== 'accept',
      accept: isAnswer && before?.actor === event.target,
      reject: isAnswer && before?.actor === event.target,
      cancel: isAnswer && before?.actor === event.actor,
      delete: before?.action === 'accept'
    }[event.action]
    if (!allowed) violations.push(`${describe(event)} follows ${before ? describe(before) : 'nothing'}`)
    after.set(pair, event)
  }
  return violations
}

/** What a device may receive although it received it before. */
export interface Leniency {
  /** Whether after a loss that came without a word the last event may come again. */
  readonly mayRepeat: boolean
}

/**
 * Violations in what a device received of one other user, against what the log says that it should have received since
 * it first listened. It receives every event, in order, once; but
 * - over a loss of the connection only the last event of the pair has to come, and
 * - after one without a word, the last event may come again, whose acknowledgement was underway when it broke.
 * Answers carry nothing to know them by, so all places in the log where the device can be are followed at once.
 */
export function checkHistory(
  received: readonly ReceivedUpdate[],
  due: readonly Logged[],
  { mayRepeat }: Leniency
): string[] {
  let places = new Set([0])
  let isAfterLoss = false
  for (const entry of received) {
    if (entry === 'disconnected') {
      isAfterLoss = true
      continue
    }
    const first = Math.min(...places)
    const reachable = isAfterLoss ? numbers(Math.max(first - Number(mayRepeat), 0), due.length) : places
    const next = [...reachable].filter(at => isSame(due[at], entry)).map(at => at + 1)
    if (next.length === 0) return [`received ${describe(entry)}, but could only receive what follows ${first}`]
    places = new Set(next)
    isAfterLoss = false
  }
  return places.has(due.length)
    ? []
    : [
        `did not receive ${due
          .slice(Math.max(...places))
          .map(describe)
          .join(', ')}`
      ]
}

function* numbers(from: number, to: number): Iterable<number> {
  for (let number = from; number < to; number++) yield number
}

type Said = Omit<Logged, 'seq' | 'target'>

function isSame(a: Said | undefined, b: Said): boolean {
  return a !== undefined && a.actor === b.actor && a.action === b.action && a.message === b.message
}

function describe({ action, actor, message }: Said): string {
  return `${action} ${ACTION_CODE[action]} of ${actor.slice(0, 8)} ${message ?? ''}`.trim()
}
