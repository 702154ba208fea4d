import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import { describeWithPostgres, freshPostgres, postgresUrl } from '../env/databases.ts'
import { PgBouncer, pgbouncerProgram } from '../env/pgbouncer.ts'
import { PostgresServer } from '../env/postgres.ts'
import { program } from '../env/program.ts'
import { Programs } from './programs.ts'

/** Compiling it counts as a preparation of the first test. */
beforeAll(program)

const programs = new Programs()
afterEach(() => programs[Symbol.asyncDispose]())

const start = async (url: string) => programs.create(await programs.dataDir(), { DATABASE_URL: url })

describeWithPostgres('the database of a service', () => {
  it('is reached over a unix socket', async () => {
    const server = programs.own(await PostgresServer.start({ durable: false }))
    const { httpUrl, process } = await start(server.socketUrl)
    await process.start()
    expect((await fetch(`${httpUrl}/health/ready`)).status).toBe(200)
  })

  it('has to speak TLS where the URL says so, which is all that is said', async () => {
    const url = `${await freshPostgres()}?sslmode=require`
    expect(await programs.failure(await start(url))).toMatch(
      /^The database and this service do not agree on TLS \([^\n]*\): correct sslmode in DATABASE_URL\.$/
    )
  })
})

describe.skipIf(postgresUrl === null || pgbouncerProgram() === null)('a pooler in front of the database', () => {
  const SETTINGS = ['options', 'statement_timeout', 'idle_in_transaction_session_timeout']

  it('is refused when it shares sessions', async () => {
    const pooler = programs.own(await PgBouncer.start(await freshPostgres(), 'transaction', SETTINGS))
    expect(await programs.failure(await start(pooler.url))).toMatch(
      /^DATABASE_URL leads to a pooler that shares sessions \([^\n]*\.$/
    )
  })

  it('is refused when it takes no settings of sessions', async () => {
    const pooler = programs.own(await PgBouncer.start(await freshPostgres(), 'session'))
    expect(await programs.failure(await start(pooler.url))).toMatch(
      /^DATABASE_URL leads to a pooler that takes no settings of sessions \(unsupported startup parameter[^\n]*\.$/
    )
  })

  it('serves when each client has a session of its own', async () => {
    const pooler = programs.own(await PgBouncer.start(await freshPostgres(), 'session', SETTINGS))
    const { httpUrl, process } = await start(pooler.url)
    await process.start()
    expect((await fetch(`${httpUrl}/health/ready`)).status).toBe(200)
  })
})

describe('a mode of TLS', () => {
  const urlOf = (query: string): string | null =>
    readConfig({ DATABASE_URL: `postgres://app@db/social?${query}` }).database.url

  it.each(['prefer', 'require', 'verify-ca', 'verify-full'])('is the strictest one for %s', mode => {
    expect(urlOf(`sslmode=${mode}`)).toBe('postgres://app@db/social?sslmode=verify-full')
    expect(urlOf(`a=b&sslmode=${mode}&c=d`)).toBe('postgres://app@db/social?a=b&sslmode=verify-full&c=d')
  })

  it.each(['sslmode=disable', 'sslmode=no-verify', 'uselibpqcompat=true&sslmode=require', 'host=/run&sslmode=x'])(
    'is what it says for %s',
    query => {
      expect(urlOf(query)).toBe(`postgres://app@db/social?${query}`)
    }
  )
})
