import { fork } from 'node:child_process'
import { parseArgs } from 'node:util'
import { createDatabase, PostgresServer } from '../../test/env/postgres.ts'
import { residentBytes } from '../cpu.ts'
import { finish, interruption } from '../interruption.ts'
import { markdown } from '../markdown.ts'
import { positive } from '../options.ts'
import { Service } from '../processes.ts'
import type { Order } from './attacker.ts'
import { ATTACKS, type Attack } from './attacks.ts'
import { Others, type Served } from './others.ts'
import { fill } from './world.ts'

/*
 * Attacks the service that it starts itself, one way after the other, and says how everybody else was served meanwhile:
 * `npm run attack`. See docs/security.md. Limits are the service's defaults.
 */

const USAGE = `npm run attack -- [options]
  --seconds N   time before and during each attack (6)
  --only a,b    only these: ${ATTACKS.map(({ name }) => name).join(', ')}`

const ATTACKER = new URL('./attacker.ts', import.meta.url)
const SAMPLE_MS = 100
const MEGABYTE = 1024 * 1024
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
}

export async function runAttack(attack: Attack, databaseUrl: string, seconds: number): Promise<Result> {
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
  await using service = await Service.start({ databaseUrl, connections: 20, sockets: 0, settings })
  const clients = new Others({ http: service.httpUrl, rpc: service.rpcUrl })
  await pause(1_000)
  clients.take()
  await pause(seconds * 1_000)
  const before = clients.take()
  const memoryBefore = residentBytes(service.pid)

  const attacker = fork(ATTACKER, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  attacker.send({ attack: attack.name, http: service.httpUrl, rpc: service.rpcUrl } satisfies Order)
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
    survived: watch.survived
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

const HEAD = [
  'attack',
  "others' p50 ms: before",
  'during',
  'p99 ms: before',
  'during',
  'failed calls',
  'memory MB: before',
  'most',
  'health',
  'outcome'
]

function cellsOf({ attack, before, during, memoryBefore, memoryMost, unhealthy, checks, survived }: Result): string[] {
  const ms = (value: number): string => value.toFixed(1)
  const mb = (bytes: number): string => (bytes / MEGABYTE).toFixed(0)
  return [
    attack.title,
    ms(before.p50),
    ms(during.p50),
    ms(before.p99),
    ms(during.p99),
    `${during.failures} of ${during.failures + during.calls}`,
    mb(memoryBefore),
    mb(memoryMost),
    unhealthy === 0 ? 'ok' : `${unhealthy} of ${checks} late`,
    survived ? 'stands' : 'dies'
  ]
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function main(signal: AbortSignal): Promise<number> {
  let seconds: number
  let attacks: readonly Attack[]
  try {
    const { values } = parseArgs({
      options: { seconds: { type: 'string', default: '6' }, only: { type: 'string', default: '' } }
    })
    seconds = positive('seconds', values.seconds)
    const names = values.only.split(',').filter(name => name !== '')
    attacks = ATTACKS.filter(({ name }) => names.length === 0 || names.includes(name))
    if (names.length > attacks.length) throw new TypeError('There is no such attack')
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return finish(signal, async () => {
    await using postgres = await PostgresServer.start({ durable: true })
    const databaseUrl = await createDatabase(postgres.url)
    const service = await Service.start({ databaseUrl, connections: 20, sockets: 0 })
    await service[Symbol.asyncDispose]()
    await fill(databaseUrl)
    const rows: string[][] = []
    for (const attack of attacks) {
      const row = cellsOf(await runAttack(attack, databaseUrl, seconds))
      console.log(row.join(' | '))
      rows.push(row)
    }
    console.log(`\n${markdown([HEAD, ...rows])}`)
  })
}

process.exitCode = await main(interruption())
