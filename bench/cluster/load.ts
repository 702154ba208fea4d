import { runJob } from '../load/job-process.ts'
import type { ClusterJob } from './job.ts'
import { WORKLOADS } from './workloads.ts'

/*
 * The process that raises the load upon two instances.
 */

await runJob((job: ClusterJob) => WORKLOADS[job.workload](job))
