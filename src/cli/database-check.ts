import { connect } from '../app/database.ts'
import type { Config } from '../config/config.ts'
import { createLogger } from '../observability/logger.ts'
import { Database } from '../storage/db/database.ts'
import { replicasOf } from '../storage/db/hosts.ts'
import { inspectServer, type ServerFacts } from '../storage/db/inspection.ts'
import { misfitOf, POSITION, type Position } from '../storage/db/replica.ts'
import { databaseReason, POOLED } from './reasons.ts'
import { UserError } from './user-error.ts'

/**
 * Connects to the PostgreSQL server of the configuration, and looks whether the service can work with it.
 * @returns null for the embedded database
 * @throws UserError that says what is wrong, and what to do
 */
export async function checkDatabase(config: Config): Promise<ServerFacts | null> {
  if (config.database.url === null) return null
  const facts = await inspect(config)
  if (facts.isReadOnly) {
    const why = facts.isStandby ? 'is a standby' : 'is read-only (default_transaction_read_only)'
    throw new UserError(`The database ${why}, and takes no writes: DATABASE_URL must name the primary.`)
  }
  if (facts.sharesSessions) throw new UserError(POOLED)
  return facts
}

/**
 * Connects to each read replica of the configuration, and looks whether it is one of the primary.
 * @returns their hosts; null when there are none
 * @throws UserError that says what is wrong with the first that cannot be used
 */
export async function checkReplicas(config: Config): Promise<string[] | null> {
  const { database, replicas } = config
  if (database.url === null || replicas.replicaUrl === null) return null
  const hosts = replicasOf(replicas.replicaUrl)
  const [system, name] = await positionAt(database.url, config).catch(() => {
    throw new UserError('The primary cannot be asked what is a replica of it.')
  })
  const checks = hosts.map(async host => {
    const position = await positionAt(host.url, config).catch(error => {
      const reason = databaseReason(error).replaceAll('DATABASE_URL', 'DATABASE_REPLICA_URL')
      throw new UserError(`${host.name}: ${reason}`)
    })
    const misfit = misfitOf(position, { system, database: name })
    if (misfit !== null) throw new UserError(`${host.name} cannot be a read replica: ${misfit}`)
    return host.name
  })
  return Promise.all(checks)
}

async function positionAt(url: string, config: Config): Promise<Position> {
  const silent = createLogger({ ...config.log, level: 'silent' })
  const db = await Database.open({ ...config.database, url, poolSize: 1 }, silent)
  try {
    const [position] = await db.retryableRows<Position>(POSITION, [])
    if (!position) throw new Error('no answer')
    return position
  } finally {
    await db.close()
  }
}

async function inspect(config: Config): Promise<ServerFacts> {
  try {
    // What is wrong is said once, in words of its own.
    const db = await connect(config, createLogger({ ...config.log, level: 'silent' }))
    try {
      return await inspectServer(db)
    } finally {
      await db.close()
    }
  } catch (error) {
    throw new UserError(databaseReason(error))
  }
}
