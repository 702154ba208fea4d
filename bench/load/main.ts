import type { Job } from '../job.ts'
import { doJob } from './job-process.ts'
import { WORKLOADS } from './workloads.ts'

/*
 * The process that raises the load upon one instance.
 */

await doJob((job: Job) => WORKLOADS[job.workload](job))
