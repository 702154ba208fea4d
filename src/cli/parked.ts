import type { PairEvent, SettingsEvent } from '../domain/events.ts'
import type { OutboxStore, ParkedEvent } from '../storage/outbox.ts'

/** Events that are listed at most. */
const MAX_LISTED = 1_000

/** Lets what is parked be tried again, instead of listing it. */
export const RETRY = '--retry'

/** Prints what an outbox holds, what is parked line by line. @returns how many that are */
export async function list<Event extends PairEvent | SettingsEvent>(
  store: OutboxStore<Event>,
  target: string
): Promise<number> {
  const { depth, oldestAt } = await store.stats()
  const parked = await store.parked(MAX_LISTED)
  for (const one of parked) console.log(describe(one))
  const oldest = oldestAt === null ? '' : ` (the oldest for ${age(oldestAt)})`
  console.log(`Waiting for ${target}: ${depth}${oldest}. Parked: ${parked.length}.`)
  return parked.length
}

function describe({ event, attempts, error, waiting }: ParkedEvent<PairEvent | SettingsEvent>): string {
  const isOfUser = event.kind === 'settings'
  const what = isOfUser ? `${event.user} settings` : `${event.actor} ${event.action} ${event.target}`
  const others = waiting === 0 ? '' : `, ${waiting} more of the ${isOfUser ? 'user' : 'pair'} wait`
  return `${what}  ${age(event.at)} ago, ${attempts} attempts${others}: ${error}`
}

function age(at: number): string {
  const minutes = Math.max(0, Math.floor((Date.now() - at) / 60_000))
  if (minutes < 120) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
}
