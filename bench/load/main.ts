import type { Job } from '../job.ts'
import { runJob } from './job-process.ts'
import { WORKLOADS } from './workloads.ts'

/*
 * The process that raises the load upon one instance.
 */

await runJob((job: Job) => WORKLOADS[job.workload](job))
