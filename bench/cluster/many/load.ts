import { Crowd } from './crowd.ts'
import type { CrowdApi, CrowdMessage, CrowdRequest } from './crowd-api.ts'

/*
 * A process that holds a part of many clients, and does what it is asked to.
 */

/** How often it says how many clients are there, in milliseconds. */
const SAY_MS = 200

const crowd = new Crowd()

process.once('disconnect', () => process.exit())
process.on('message', (request: CrowdRequest) => {
  perform(request).then(
    result => say({ kind: 'done', result }),
    (error: Error) => say({ kind: 'failed', error: error.stack ?? error.message })
  )
})
setInterval(() => say({ kind: 'here', count: crowd.here }), SAY_MS)

function say(message: CrowdMessage): void {
  process.send?.(message)
}

async function perform<Method extends keyof CrowdApi>({ method, parameters }: CrowdRequest<Method>): Promise<unknown> {
  const api: CrowdApi = crowd
  const act = api[method] as (...values: Parameters<CrowdApi[Method]>) => Promise<unknown>
  return act.apply(crowd, parameters)
}
