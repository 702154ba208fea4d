import { once } from 'node:events'
import type { Report } from '../job.ts'

/** Waits for the one job that this process was started for, has it done, and sends back what came of it. */
export async function runJob<Job, Result>(perform: (job: Job) => Promise<Result>): Promise<void> {
  process.once('disconnect', () => process.exit())
  const [job] = (await once(process, 'message')) as [Job]
  const report: Report<Result> = await perform(job).then(
    result => ({ result }),
    (error: Error) => ({ error: error.stack ?? error.message })
  )
  process.send?.(report)
}
