import { setInterval } from 'node:timers'
import { Pool } from 'undici'
import { createWallet } from '../demo/wallet.ts'
import { HomeserverClient } from '../src/matrix/client/client.ts'
import { logIn } from '../test/env/login.ts'
import { createDatabase } from '../test/env/postgres.ts'
import type { SynapseAccess } from '../test/env/synapse/homeserver.ts'
import { cpuTimes, residentBytes } from './cpu.ts'
import { appserviceSettings } from './matrix-updates.ts'
import { Service } from './processes.ts'

interface SyncOptions {
  /** A PostgreSQL server, on which the service has a database of its own. */
  readonly postgresUrl: string
  /** Of each kind, and as many on each way. */
  readonly calls: number
  /** First processes of PostgreSQL and of the homeserver. */
  readonly postmaster: number
  readonly homeserverPid: number
}

/** What calls on one way come to, for each of them. */
interface Way {
  /** Milliseconds, half of the calls being faster. */
  readonly p50: number
  /** CPU time in milliseconds. */
  readonly cpu: { readonly service: number; readonly homeserver: number }
}

/** One and the same call, to the homeserver itself and through the service. */
export interface SyncMeasurement {
  readonly bytes: number
  readonly direct: Way
  readonly proxied: Way
}

export interface SyncsMeasurement {
  /** Nothing is new. */
  readonly small: SyncMeasurement
  /** Everything that a user with much on the homeserver has. */
  readonly large: SyncMeasurement
  /** Memory of the service at its highest while so many large answers pass at once, over that before, in bytes. */
  readonly memory: { readonly atOnce: number; readonly bytes: number }
}

/** Calls on one way before it is the turn of the other, so that a machine that becomes slower does so for both. */
const TURN = 10
const WARM_UP_CALLS = 2_000
const WARM_UP_LARGE_CALLS = 10
/** What the user keeps on the homeserver: an answer of about ten megabytes. */
const KEPT = { entries: 10, bytes: 1_000_000 }
const AT_ONCE = 8
const LOOK_MS = 5

/** What it costs to have `sync` handed on, and how much of a large answer the service holds. */
export async function measureSyncs(synapse: SynapseAccess, options: SyncOptions): Promise<SyncsMeasurement> {
  const databaseUrl = await createDatabase(options.postgresUrl)
  const settings = appserviceSettings(synapse)
  await using service = await Service.start({ databaseUrl, settings, connections: 4, sockets: 0 })
  const wallet = await createWallet()
  const homeserver = new HomeserverClient({ ...synapse, timeoutMs: 60_000, connections: 1 })
  try {
    const [proxied, direct] = [await logIn(service.httpUrl, wallet), await homeserver.loginAs(wallet.address, 'DIRECT')]
    for (let entry = 0; entry < KEPT.entries; entry++) {
      const text = 'x'.repeat(KEPT.bytes)
      await homeserver.as(wallet.address).putAccountData(`org.example.kept.${entry}`, { text })
    }
    await using there = new Client(synapse.url, direct.token)
    await using through = new Client(service.httpUrl, proxied)
    const turns = new Turns({ ...options, servicePid: service.pid, direct: there, proxied: through })
    const { next_batch } = JSON.parse((await there.read('timeout=0')).toString())
    const since = `timeout=0&since=${encodeURIComponent(next_batch)}`
    return {
      small: await turns.measure(since, options.calls, WARM_UP_CALLS),
      large: await turns.measure('timeout=0', Math.ceil(options.calls / 10), WARM_UP_LARGE_CALLS),
      memory: await memoryOf(service.pid, () => through.read('timeout=0'))
    }
  } finally {
    await homeserver.close()
  }
}

/** One who asks for `sync`, on connections that are kept. */
class Client implements AsyncDisposable {
  readonly #pool: Pool
  readonly #token: string

  constructor(url: string, token: string) {
    this.#pool = new Pool(url, { connections: AT_ONCE })
    this.#token = token
  }

  async read(query: string): Promise<Buffer> {
    const { statusCode, body } = await this.#pool.request({
      method: 'GET',
      path: `/_matrix/client/v3/sync?${query}`,
      headers: { authorization: `Bearer ${this.#token}` }
    })
    const answer = Buffer.from(await body.arrayBuffer())
    if (statusCode !== 200) throw new Error(`A sync was answered ${statusCode}: ${answer}`)
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close()
  }
}

type TurnsDeps = Omit<SyncOptions, 'postgresUrl' | 'calls'> & {
  readonly servicePid: number
  readonly direct: Client
  readonly proxied: Client
}

/** Asks on both ways in turns. */
class Turns {
  readonly #deps: TurnsDeps

  constructor(deps: TurnsDeps) {
    this.#deps = deps
  }

  async measure(query: string, calls: number, warmUpCalls: number): Promise<SyncMeasurement> {
    const { direct, proxied } = this.#deps
    const tallies = [new Tally(direct), new Tally(proxied)] as const
    for (let call = 0; call < warmUpCalls; call++) for (const { client } of tallies) await client.read(query)
    for (let done = 0; done < calls; done += TURN) {
      for (const tally of tallies) await this.#turn(tally, query, Math.min(TURN, calls - done))
    }
    return { bytes: (await direct.read(query)).length, direct: tallies[0].way(), proxied: tallies[1].way() }
  }

  async #turn(tally: Tally, query: string, calls: number): Promise<void> {
    const before = this.#cpu()
    for (let call = 0; call < calls; call++) {
      const from = performance.now()
      await tally.client.read(query)
      tally.durations.push(performance.now() - from)
    }
    const after = this.#cpu()
    tally.service += after.service - before.service
    tally.homeserver += after.homeserver - before.homeserver
  }

  #cpu(): Way['cpu'] {
    const { servicePid, homeserverPid, postmaster } = this.#deps
    const of = (server: number): number => cpuTimes({ server, postmaster }).server
    return { service: of(servicePid), homeserver: of(homeserverPid) }
  }
}

/** What the calls on one way have taken so far. */
class Tally {
  readonly client: Client
  readonly durations: number[] = []
  service = 0
  homeserver = 0

  constructor(client: Client) {
    this.client = client
  }

  way(): Way {
    const calls = this.durations.length
    const p50 = this.durations.toSorted((a, b) => a - b)[Math.floor(calls / 2)] ?? Number.NaN
    return { p50, cpu: { service: this.service / calls, homeserver: this.homeserver / calls } }
  }
}

/** Looks at the memory of a process while something is read from it many times at once. */
async function memoryOf(pid: number, read: () => Promise<unknown>): Promise<SyncsMeasurement['memory']> {
  const before = residentBytes(pid)
  let highest = before
  const look = setInterval(() => {
    highest = Math.max(highest, residentBytes(pid))
  }, LOOK_MS)
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, read))
  } finally {
    clearInterval(look)
  }
  return { atOnce: AT_ONCE, bytes: highest - before }
}
