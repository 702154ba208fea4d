import { OutboxStore, type ParkedEvent } from '../storage/outbox.ts'
import { withDatabase } from './database-command.ts'

/** Events that are listed at most. */
const MAX_LISTED = 1_000

/** Lets what is parked be tried again, instead of listing it. */
export const RETRY = '--retry'

/**
 * Lists what the homeserver could not be made to follow and waits for an operator, or lets it be tried again.
 * @returns the exit code: 0, or 1 when the database cannot be used
 */
export function outbox(options: ReadonlySet<string>): Promise<number> {
  return withDatabase(db => (options.has(RETRY) ? retry : list)(new OutboxStore(db)))
}

async function list(store: OutboxStore): Promise<void> {
  const { depth, oldestAt } = await store.stats()
  const parked = await store.parked(MAX_LISTED)
  for (const one of parked) console.log(describe(one))
  const oldest = oldestAt === null ? '' : ` (the oldest for ${age(oldestAt)})`
  console.log(`Waiting for the homeserver: ${depth}${oldest}. Parked: ${parked.length}.`)
  if (parked.length > 0) console.log(`"social-service outbox ${RETRY}" lets them be tried again.`)
}

async function retry(store: OutboxStore): Promise<void> {
  console.log(`To be tried again: ${await store.retryParked()}.`)
}

function describe({ event, attempts, error, waiting }: ParkedEvent): string {
  const { actor, target, action, at } = event
  const others = waiting === 0 ? '' : `, ${waiting} more of the pair wait`
  return `${actor} ${action} ${target}  ${age(at)} ago, ${attempts} attempts${others}: ${error}`
}

function age(at: number): string {
  const minutes = Math.max(0, Math.floor((Date.now() - at) / 60_000))
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
}
