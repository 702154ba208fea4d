import { createDatabase } from '../test/env/postgres.ts'
import type { SynapseAccess } from '../test/env/synapse/homeserver.ts'
import { postmasterOf } from './cpu.ts'
import type { Measurement } from './job.ts'
import { perform, Service } from './processes.ts'
import { seed } from './seed.ts'
import { worldOf } from './world.ts'

interface UpdatesOptions {
  /** A PostgreSQL server, on which each measurement has a database of its own. */
  readonly postgresUrl: string
  readonly seconds: number
  readonly signal: AbortSignal
}

type HomeserverAccess = Pick<SynapseAccess, 'url' | 'asToken' | 'hsToken'>

const SIZE = { rows: 5_000, connections: 20, sockets: 10 }

/** Acknowledged updates of friendships: by a service with a homeserver, or by one without (null). */
export async function measureUpdates(
  homeserver: HomeserverAccess | null,
  { postgresUrl, seconds, signal }: UpdatesOptions
): Promise<Measurement> {
  const databaseUrl = await createDatabase(postgresUrl)
  const settings = homeserver ? appserviceSettings(homeserver) : {}
  const start = () => Service.start({ databaseUrl, settings, ...SIZE })
  // The first start makes the tables.
  await (await start())[Symbol.asyncDispose]()
  await seed(databaseUrl, worldOf(SIZE))
  await using service = await start()
  const job = {
    workload: 'v1-updates' as const,
    seconds,
    size: SIZE,
    watched: { server: service.pid, postmaster: await postmasterOf(databaseUrl) },
    urls: { http: service.httpUrl, rpc: service.rpcUrl, database: databaseUrl }
  }
  return await perform(job, signal)
}

/** What makes a service the application service of a homeserver. */
export function appserviceSettings({ url, asToken, hsToken }: HomeserverAccess): Record<string, string> {
  return {
    MATRIX_MODE: 'appservice',
    MATRIX_HOMESERVER_URL: url,
    MATRIX_AS_TOKEN: asToken,
    MATRIX_HS_TOKEN: hsToken,
    MATRIX_TOKEN_KEY: 'k'.repeat(32)
  }
}
