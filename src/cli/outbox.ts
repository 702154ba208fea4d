import { MATRIX_OUTBOX, OutboxStore } from '../storage/outbox.ts'
import { withDatabase } from './database-command.ts'
import { list, RETRY } from './parked.ts'

/** Lists what the homeserver could not be made to follow and waits for an operator, or lets it be tried again. */
export function outbox(options: ReadonlySet<string>): Promise<number> {
  return withDatabase(async db => {
    const store = new OutboxStore(db, MATRIX_OUTBOX)
    if (options.has(RETRY)) console.log(`To be tried again: ${await store.retryParked()}.`)
    else if ((await list(store, 'the homeserver')) > 0)
      console.log(`"social-service outbox ${RETRY}" lets them be tried again.`)
  })
}
