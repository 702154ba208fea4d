import type { WorkloadName } from './job.ts'

/** What a row of the table measures, and what it should come to. */
export interface Scenario {
  readonly name: string
  readonly title: string
  readonly workload: WorkloadName
  /** The same statements without a service around them. */
  readonly ceiling?: WorkloadName
  readonly target?: Target
}

interface Target {
  /** Milliseconds of CPU time for one operation, in the server and PostgreSQL together. */
  readonly cpuMs?: number
  /** Operations per second. */
  readonly rate?: number
  readonly bytesPerSocket?: number
  /** The scenario whose CPU time must not be exceeded by more than a tenth. */
  readonly like?: string
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'updates',
    title: 'friendship update, v1',
    workload: 'v1-updates',
    ceiling: 'raw-updates',
    target: { cpuMs: 0.6, rate: 2_000 }
  },
  {
    name: 'friends',
    title: 'list of 100 friends, v1',
    workload: 'v1-friends',
    ceiling: 'raw-friends',
    target: { cpuMs: 0.5 }
  },
  {
    name: 'rest-friends',
    title: 'list of 100 friends, REST',
    workload: 'rest-friends',
    ceiling: 'raw-friends',
    target: { cpuMs: 0.5 }
  },
  {
    name: 'mutuals',
    title: '250 mutual friends of 500 and 500, v1',
    workload: 'v1-mutual-friends',
    ceiling: 'raw-mutual-friends',
    target: { cpuMs: 1.5 }
  },
  { name: 'popular-friends', title: 'list of 2,000 friends, v1', workload: 'v1-popular-friends' },
  {
    name: 'popular-mutuals',
    title: '1,000 mutual friends of 2,000 and 2,000, v1',
    workload: 'v1-popular-mutual-friends'
  },
  { name: 'anybody', title: 'list of 100 friends of anybody, by another service', workload: 'service-friends' },
  { name: 'login', title: 'login', workload: 'rest-logins', ceiling: 'raw-logins', target: { cpuMs: 1.5 } },
  { name: 'connect', title: 'connect and subscribe, v1', workload: 'v1-arrivals', ceiling: 'raw-token-checks' },
  {
    name: 'sockets',
    title: 'idle subscribed socket, v1',
    workload: 'idle-sockets',
    target: { bytesPerSocket: 16_384 }
  },
  { name: 'v2-handshake', title: 'connect and handshake, v2', workload: 'v2-handshakes', target: { cpuMs: 1.5 } },
  {
    name: 'v2-friends',
    title: 'list of 100 friends, v2',
    workload: 'v2-friends',
    ceiling: 'raw-friends',
    target: { like: 'friends' }
  },
  {
    name: 'v2-updates',
    title: 'friendship update, v2',
    workload: 'v2-updates',
    ceiling: 'raw-updates',
    target: { like: 'updates' }
  },
  { name: 'v2-push', title: 'update and its push, v2 (time after the answer)', workload: 'v2-pushes' }
]
