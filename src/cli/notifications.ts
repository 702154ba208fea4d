import { knownSinks, NOTIFICATION_OUTBOX } from '../storage/notification-outbox.ts'
import { OutboxStore } from '../storage/outbox.ts'
import { withDatabase } from './database-command.ts'
import { list, RETRY } from './parked.ts'

/**
 * Lists what other systems could not be told and waits for an operator, or lets it be tried again: of every system that
 * was ever configured.
 */
export function notifications(options: ReadonlySet<string>): Promise<number> {
  return withDatabase(async db => {
    const sinks = await knownSinks(db)
    const stores = sinks.map(sink => ({ sink, store: new OutboxStore(db, NOTIFICATION_OUTBOX, sink) }))
    if (stores.length === 0) console.log('No system is told what happens, and none ever was.')
    let parked = 0
    for (const { sink, store } of stores) {
      if (options.has(RETRY)) console.log(`To be tried again for ${sink}: ${await store.retryParked()}.`)
      else parked += await list(store, sink)
    }
    if (parked > 0) console.log(`"social-service notifications ${RETRY}" lets them be tried again.`)
  })
}
