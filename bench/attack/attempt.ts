import { fork } from 'node:child_process'
import { residentBytes } from '../cpu.ts'
import { Service } from '../processes.ts'
import type { Order } from './attacker.ts'
import type { Attack } from './attacks.ts'
import { Others, type Served } from './others.ts'

const ATTACKER = new URL('./attacker.ts', import.meta.url)
const SAMPLE_MS = 100
/** Longest answer of the health check that counts, in milliseconds. */
const HEALTH_MS = 2_000

export interface Result {
  readonly attack: Attack
  readonly before: Served
  readonly during: Served
  /** Resident memory of the service, in bytes. */
  readonly memoryBefore: number
  readonly memoryMost: number
  /** How many health checks were not answered in time, of how many. */
  readonly unhealthy: number
  readonly checks: number
  readonly survived: boolean
  /** Whether the attacker had a connection at all. */
  readonly begun: boolean
}

interface AttackOptions {
  readonly databaseUrl: string
  /** Time before the attack, and of the attack. */
  readonly seconds: number
  /** The compiled service; that of the build unless given. */
  readonly program?: string
}

/** One attack on a service that is started for it, with the limits that it has by default. */
export async function runAttack(attack: Attack, { databaseUrl, seconds, program }: AttackOptions): Promise<Result> {
  const settings = {
    MAX_CONNECTIONS: '20000',
    MAX_CONNECTIONS_PER_IP: '1000',
    FRAMES_PER_SECOND_PER_IP: '1000',
    BYTES_PER_SECOND_PER_IP: '1mb',
    FRAMES_PER_SECOND_PER_CONNECTION: '500',
    BYTES_PER_SECOND_PER_CONNECTION: '512kb',
    CALLS_PER_SECOND: '100',
    MAX_REQUESTS_PER_USER: '32',
    ACTIONS_PER_MINUTE: '240',
    PAIR_ACTIONS_PER_MINUTE: '20',
    LOGINS_PER_MINUTE: '600'
  }
  await using service = await Service.start({
    databaseUrl,
    connections: 20,
    sockets: 0,
    settings,
    ...(program && { program })
  })
  const clients = new Others({ http: service.httpUrl, rpc: service.rpcUrl })
  await pause(1_000)
  clients.take()
  await pause(seconds * 1_000)
  const before = clients.take()
  const memoryBefore = residentBytes(service.pid)

  const attacker = fork(ATTACKER, { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  attacker.send({ attack: attack.name, http: service.httpUrl, rpc: service.rpcUrl } satisfies Order)
  let begun = false
  attacker.once('message', () => (begun = true))
  const watch = { most: memoryBefore, unhealthy: 0, checks: 0, survived: true }
  const until = performance.now() + seconds * 1_000
  while (performance.now() < until && watch.survived) {
    await sample(service, watch)
    await pause(SAMPLE_MS)
  }
  const during = clients.take()
  attacker.kill('SIGKILL')
  await clients.end()
  return {
    attack,
    before,
    during,
    memoryBefore,
    memoryMost: watch.most,
    unhealthy: watch.unhealthy,
    checks: watch.checks,
    survived: watch.survived,
    begun
  }
}

async function sample(
  service: Service,
  watch: { most: number; unhealthy: number; checks: number; survived: boolean }
): Promise<void> {
  watch.survived = !service.hasEnded
  if (!watch.survived) return
  watch.most = Math.max(watch.most, residentBytes(service.pid))
  watch.checks++
  const isHealthy = await fetch(`${service.httpUrl}/health/live`, { signal: AbortSignal.timeout(HEALTH_MS) }).then(
    ({ ok }) => ok,
    () => false
  )
  if (!isHealthy) watch.unhealthy++
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
