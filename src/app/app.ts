import { randomUUID } from 'node:crypto'
import { type AddressInfo, isIPv6 } from 'node:net'
import type { Config } from '../config/config.ts'
import { createLogger, type Logger } from '../observability/logger.ts'
import { createMetrics } from '../observability/metrics.ts'
import { SOCKET_ENDS } from '../rpc/engine/close-codes.ts'
import { BACKLOG } from '../rpc/engine/socket-server.ts'
import { migrate } from '../storage/db/migrator.ts'
import { MIGRATIONS } from '../storage/migrations/index.ts'
import { RESUME_OUTCOMES } from '../updates/updates.ts'
import { createAdmission, createUserLimits } from './admission.ts'
import { createBus } from './bus.ts'
import { Cleanups } from './cleanups.ts'
import { openDatabase, openReplicas } from './database.ts'
import { createHttp } from './http.ts'
import { startLogRetention } from './log-retention.ts'
import { createMatrix } from './matrix.ts'
import { startMatrixOutbox } from './matrix-outbox.ts'
import { startNotifications } from './notifications.ts'
import { createRpc, PROCEDURES } from './rpc.ts'
import { createServices } from './services.ts'
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
    await cleanups.run(config.shutdownGraceMs)
    throw error
  }
}

async function start(config: Config, overrides: Overrides, logger: Logger, cleanups: Cleanups): Promise<App> {
  const now = overrides.now ?? Date.now
  const instance = randomUUID()
  const metrics = createMetrics({
    procedures: PROCEDURES,
    socketEnds: SOCKET_ENDS,
    resumeOutcomes: RESUME_OUTCOMES
  })
  const admission = createAdmission({ config, metrics })
  const db = cleanups.add('database', await openDatabase({ config, logger, metrics }), it => it.close())
  await migrate(db, MIGRATIONS)
  const replicas = await openReplicas({ config, logger, metrics, db }, cleanups)
  const { bus, log, channel, directory, checks } = await createBus({ instance, config, logger, metrics, db }, cleanups)
  const shared = { bus, log, channel, directory }
  const social = createSocial({ instance, config, logger, db, replicas, ...shared, metrics, now }, cleanups)
  const userLimits = createUserLimits(config, social.limitReached)
  await social.updates.start()
  const sweeper = setInterval(() => {
    const sweeps = [social.sessions.sweep(), social.checkSessions(), social.updates.sweep()]
    Promise.all(sweeps).catch(error => logger.warn({ err: error }, 'What expired could not be swept'))
  }, overrides.sweepMs ?? SWEEP_MS)
  cleanups.add('sweeper', sweeper, clearInterval)

  const matrix = createMatrix({ config, logger, admission, userLimits, db, bus, social }, cleanups)
  const { accounts } = matrix
  await startMatrixOutbox({ config, logger, metrics, db, bus, accounts, now }, cleanups)
  const { profiles } = social
  const sinks = await startNotifications({ config, logger, metrics, db, bus, profiles, now }, cleanups)
  startLogRetention({ config, logger, metrics, db, sinks, now }, cleanups)

  const state = { isStarted: false }
  const http = await createHttp({
    config,
    logger,
    metrics,
    admission,
    userLimits,
    social,
    services: createServices({ config, logger, metrics, admission, db }),
    matrix,
    checks: { database: () => db.ping(), ...checks },
    isServing: () => state.isStarted && !cleanups.isRunning,
    graceMs: () => cleanups.leftMs
  })
  const sharedWith = config.isOnePort ? http.server : null
  const rpc = createRpc({ sharedWith, config, logger, metrics, admission, userLimits, social, matrix, now })
  cleanups.add('HTTP server', http, it => it.close())
  // Before HTTP, which says meanwhile that this instance is not ready.
  cleanups.add('RPC server', rpc, (it, deadline) => it.stop({ graceMs: deadline.leftMs }))
  const rpcPort = config.isOnePort ? config.rpcPort : await rpc.listen()
  await http.listen({ host: config.host, port: config.httpPort, backlog: BACKLOG })
  const httpPort = (http.server.address() as AddressInfo).port
  state.isStarted = true

  const host = hostInUrl(config.host)
  return {
    httpUrl: config.publicHttpUrl ?? `http://${host}:${httpPort}`,
    rpcUrl: config.publicRpcUrl ?? `ws://${host}:${rpcPort}`,
    stop: () => cleanups.run(config.shutdownGraceMs)
  }
}

/** The host as a URL has it, by which the service can be reached on this machine. */
function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost'
  return isIPv6(host) ? `[${host}]` : host
}
