import { once } from 'node:events'
import type { Job, Report } from '../job.ts'
import { WORKLOADS } from './workloads.ts'

/*
 * The process that raises the load: it is sent one job, and sends back what came of it.
 */

process.once('disconnect', () => process.exit())

const [job] = (await once(process, 'message')) as [Job]
const report: Report = await WORKLOADS[job.workload](job).then(
  measurement => ({ measurement }),
  (error: Error) => ({ error: error.stack ?? error.message })
)
process.send?.(report)
