import { mkdir, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { missingServers } from './missing-servers.ts'
import { natsProgram } from './nats.ts'
import { PostgresServer, postgresPrograms } from './postgres.ts'
import { redisProgram } from './redis.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL server for all tests of the run, where each makes its own databases; null when there is none. */
    postgresUrl: string | null
    hasRedis: boolean
    hasNats: boolean
    /** A folder of this repository for what the files of the run share; it is gone afterwards. */
    runFolder: string
  }
}

/** Before the first test: what is slow to start and can be shared. What it returns runs after the last one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const missing = missingServers()
  if (process.env['CI'] && missing.length > 0)
    throw new Error(`In CI nothing is skipped: ${missing.join(', ')} missing`)
  const runFolder = fileURLToPath(new URL(`../../.cache/run-${process.pid}`, import.meta.url))
  await mkdir(runFolder, { recursive: true })
  project.provide('runFolder', runFolder)
  // A server that somebody keeps, to look at what tests leave in it.
  const kept = process.env['TEST_POSTGRES_URL']
  const postgres = !kept && postgresPrograms() ? await PostgresServer.start({ durable: false }) : null
  project.provide('postgresUrl', kept ?? postgres?.url ?? null)
  project.provide('hasRedis', redisProgram() !== null)
  project.provide('hasNats', natsProgram() !== null)
  return async () => {
    await postgres?.[Symbol.asyncDispose]()
    await rm(runFolder, { recursive: true, force: true })
  }
}
