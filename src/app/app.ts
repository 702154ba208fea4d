import { type AddressInfo, isIPv6 } from 'node:net'
import type { Config } from '../config/config.ts'
import type { Address } from '../domain/address.ts'
import { PAIR_ACTIONS } from '../domain/friendship.ts'
import { createLogger, type Logger } from '../observability/logger.ts'
import { createMetrics } from '../observability/metrics.ts'
import { BACKLOG } from '../rpc/engine/socket-server.ts'
import { METRIC_CODES, SOCKET_ENDS } from '../rpc/observer.ts'
import { migrate } from '../storage/db/migrator.ts'
import { MIGRATIONS } from '../storage/migrations/index.ts'
import { RESUME_OUTCOMES } from '../updates/updates.ts'
import { createBus } from './bus.ts'
import { Cleanups } from './cleanups.ts'
import { openDatabase } from './database.ts'
import { createHttp } from './http.ts'
import { createMatrix } from './matrix.ts'
import { startMatrixOutbox } from './matrix-outbox.ts'
import { createRpc, PROCEDURES } from './rpc.ts'
import { createSocial } from './social.ts'

/** How often what expired is swept out of the database, and streams whose session expired are ended, in milliseconds. */
const SWEEP_MS = 60_000

/** What may be other than in production: outer parts only. */
export interface Overrides {
  readonly logger?: Logger
  /** Unix milliseconds. */
  readonly now?: () => number
  /** How often what expired is swept out, in milliseconds. */
  readonly sweepMs?: number
}

/** A running service. */
export interface App {
  readonly httpUrl: string
  readonly rpcUrl: string
  /** Update streams that a user has open here. */
  subscribers(address: Address): number
  /** Lets what is open finish, within the grace of the configuration, and closes everything. May be called again. */
  stop(): Promise<void>
}

/**
 * Starts the service: the only place where its parts are put together. What was started is stopped in the opposite
 * order, also when a later part fails to start.
 */
export async function createApp(config: Config, overrides: Overrides = {}): Promise<App> {
  const logger = overrides.logger ?? createLogger(config.log)
  const cleanups = new Cleanups(logger)
  try {
    return await start(config, overrides, logger, cleanups)
  } catch (error) {
    await cleanups.run()
    throw error
  }
}

async function start(config: Config, overrides: Overrides, logger: Logger, cleanups: Cleanups): Promise<App> {
  const now = overrides.now ?? Date.now
  const metrics = createMetrics({
    procedures: PROCEDURES,
    codes: METRIC_CODES,
    events: PAIR_ACTIONS,
    beginnings: RESUME_OUTCOMES,
    ends: SOCKET_ENDS
  })
  const db = cleanups.add('database', await openDatabase({ config, logger, metrics }), it => it.close())
  await migrate(db, MIGRATIONS)
  const { bus, log, channel, checks } = await createBus({ config, logger, metrics, db }, cleanups)
  const social = createSocial({ config, logger, db, bus, log, channel, metrics, now }, cleanups)
  await social.updates.start()
  const sweeper = setInterval(() => {
    const sweeps = [social.sessions.sweep(), social.checkSessions(), social.updates.sweep()]
    Promise.all(sweeps).catch(error => logger.warn({ err: error }, 'What expired could not be swept'))
  }, overrides.sweepMs ?? SWEEP_MS)
  cleanups.add('sweeper', sweeper, clearInterval)

  const matrix = createMatrix({ config, logger, db, bus, social }, cleanups)
  const { accounts } = matrix
  await startMatrixOutbox({ config, logger, metrics, db, bus, accounts, now }, cleanups)

  let serving = false
  let stopBy = 0
  const http = await createHttp({
    ...{ config, logger, metrics, social, matrix },
    checks: { database: () => db.ping(), ...checks },
    isServing: () => serving,
    graceMs: () => Math.max(0, stopBy - performance.now())
  })
  const rpc = createRpc({ config, logger, metrics, social, matrix, now })
  cleanups.add('HTTP server', http, it => it.close())
  // Before HTTP, which says meanwhile that this instance is not ready; both within the same grace.
  cleanups.add('RPC server', rpc, it => it.stop({ graceMs: config.shutdownGraceMs }))
  const rpcPort = await rpc.listen()
  await http.listen({ host: config.host, port: config.httpPort, backlog: BACKLOG })
  const httpPort = (http.server.address() as AddressInfo).port
  serving = true

  const host = nameOf(config.host)
  return {
    httpUrl: config.publicHttpUrl ?? `http://${host}:${httpPort}`,
    rpcUrl: config.publicRpcUrl ?? `ws://${host}:${rpcPort}`,
    subscribers: address => {
      const { subscriptions, connectivity, friendPresence } = social
      return subscriptions.sizeOf(address) + connectivity.sizeOf(address) + friendPresence.sizeOf(address)
    },
    stop: () => {
      if (serving) stopBy = performance.now() + config.shutdownGraceMs
      serving = false
      return cleanups.run()
    }
  }
}

/** The host as a URL has it, by which the service can be reached on this machine. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return isIPv6(host) ? `[${host}]` : host
}
