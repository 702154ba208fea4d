import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { describeWithPostgres, freshFolder, freshPostgres } from '../env/databases.ts'
import { freePort } from '../env/ports.ts'
import { PostgresServer } from '../env/postgres.ts'
import { program } from '../env/program.ts'
import { findProgram } from '../env/server-process.ts'
import { until } from '../env/until.ts'
import { Programs } from './programs.ts'

/** Compiling it counts as a preparation of the first test. */
beforeAll(program)

const programs = new Programs()
afterEach(() => programs[Symbol.asyncDispose]())

/** As root, but with no more rights than any other user has. */
const UNPRIVILEGED = ['setpriv', '--bounding-set=-dac_override,-dac_read_search,-net_bind_service']
const canDropRights = process.getuid?.() === 0 && findProgram('setpriv') !== null

async function failureWith(settings: Record<string, string>, prefix: readonly string[] = []): Promise<string> {
  return programs.failure(await programs.create(await programs.dataDir(), settings, prefix))
}

async function sql(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const statement of statements) await client.query(statement)
  await client.end()
}

describe('a service that cannot listen says in one line', () => {
  it.each(['HTTP_PORT', 'RPC_PORT'])('that its port is in use: %s', async setting => {
    const { port } = await programs.listener()
    expect(await failureWith({ [setting]: port })).toBe(
      `Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`
    )
  })

  it('that the address is none of this machine', async () => {
    expect(await failureWith({ HOST: '192.0.2.1' })).toBe(
      'The address 192.0.2.1 is none of this machine (EADDRNOTAVAIL): set HOST to one that is, or to 0.0.0.0.'
    )
  })

  it('that the host is unknown', async () => {
    expect(await failureWith({ HOST: 'nowhere.invalid' })).toMatch(
      /^The host nowhere\.invalid is unknown \(E\w+\): set HOST to an address of this machine\.$/
    )
  })

  it.skipIf(!canDropRights)('that the port is not for this user', async () => {
    expect(await failureWith({ HTTP_PORT: '81' }, UNPRIVILEGED)).toMatch(
      /^Port 81 is not for this user \(EACCES\): .*$/
    )
  })
})

describe('a service whose data folder cannot be used says in one line', () => {
  it('that it is a file', async () => {
    const folder = programs.own(await freshFolder())
    const file = join(folder.path, 'file')
    await writeFile(file, '')
    const said = await programs.failure(await programs.create(folder, { DATA_DIR: file }))
    expect(said).toMatch(new RegExp(`^The data folder ${file} cannot be used \\(EEXIST.*set DATA_DIR .*\\.$`))
  })

  it.skipIf(!canDropRights).each([
    ['read-only', 0, 0o500],
    ['of somebody else', 65_534, 0o700]
  ])('that it is %s', async (_, owner, mode) => {
    const folder = programs.own(await freshFolder())
    const data = join(folder.path, 'data')
    await mkdir(data, { mode })
    await chown(data, owner, owner)
    const said = await programs.failure(await programs.create(folder, { DATA_DIR: data }, UNPRIVILEGED))
    expect(said).toMatch(new RegExp(`^The data folder ${data} cannot be used \\(.*EACCES.*set DATA_DIR .*\\.$`))
  })
})

describe('a service without its database says in one line', () => {
  it('that nobody answers', async () => {
    const url = `postgres://social@127.0.0.1:${await freePort()}/social`
    expect(await failureWith({ DATABASE_URL: url })).toMatch(
      /^The database cannot be reached: is it running, and is DATABASE_URL right\? \(ECONNREFUSED.*\)$/
    )
  })

  it('that its host is unknown', async () => {
    expect(await failureWith({ DATABASE_URL: 'postgres://social@nowhere.invalid/social' })).toMatch(
      /^The host of the database, nowhere\.invalid, is unknown \(E\w+\): correct DATABASE_URL\.$/
    )
  })
})

describeWithPostgres('a service that its database does not serve says in one line', () => {
  const asUser = (url: string, name: string, password = ''): string => {
    const changed = new URL(url)
    changed.username = name
    changed.password = password
    return changed.href
  }

  it('that the password is wrong, or missing', async () => {
    const server = programs.own(await PostgresServer.start({ durable: false }))
    const client = new Client({ connectionString: server.url })
    await client.connect()
    const { rows } = await client.query('show hba_file')
    const rules = ['host all locked 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust']
    await client.query(`create role locked login password 'right'`)
    await client.query(`copy (values ${rules.map(rule => `('${rule}')`).join(', ')}) to '${rows[0].hba_file}'`)
    await client.query('select pg_reload_conf()')
    await client.end()
    await until(async () => {
      const url = asUser(server.url, 'locked', 'wrong')
      return sql(url).then(
        () => false,
        () => true
      )
    }, 'the server asks for passwords')
    expect(await failureWith({ DATABASE_URL: asUser(server.url, 'locked', 'wr0ng') })).toMatch(
      /^The database refuses the password: set the right one in DATABASE_URL, or DB_PASSWORD\. \(28P01: [^\n]*\)$/
    )
    expect(await failureWith({ DATABASE_URL: asUser(server.url, 'locked') })).toBe(
      'The database asks for a password: set it in DATABASE_URL, or DB_PASSWORD.'
    )
  })

  it('that there is no such database, or role', async () => {
    const url = new URL(await freshPostgres())
    expect(await failureWith({ DATABASE_URL: asUser(url.href, 'nobody_here') })).toMatch(
      /^The database lets this user not in: .* \(28000: [^\n]*\)$/
    )
    url.pathname = 'nothing_here'
    expect(await failureWith({ DATABASE_URL: url.href })).toMatch(
      /^There is no such database on the server: .* \(3D000: [^\n]*\)$/
    )
  })

  it('that it may make no tables', async () => {
    const url = await freshPostgres()
    const role = `plain_${process.pid}`
    await sql(url, `create role ${role} login`, 'revoke create on schema public from public')
    try {
      expect(await failureWith({ DATABASE_URL: asUser(url, role) })).toMatch(
        /^The database does not let this user make tables: .* \(42501: [^\n]*\)$/
      )
    } finally {
      await sql(url, `drop role ${role}`)
    }
  })

  it('that it is read-only', async () => {
    const url = await freshPostgres()
    const name = new URL(url).pathname.slice(1)
    await sql(url, `alter database ${name} set default_transaction_read_only = on`)
    expect(await failureWith({ DATABASE_URL: url })).toBe(
      'The database is read-only (default_transaction_read_only), and takes no writes: DATABASE_URL must name the primary.'
    )
  })
})

it('a service that may open few files is warned', async () => {
  const settings = { LOG_LEVEL: 'warn', LOG_FORMAT: 'json' }
  const limited = ['sh', '-c', 'ulimit -n 2048; exec "$@"', 'sh']
  const { process } = await programs.create(await programs.dataDir(), settings, limited)
  await process.start()
  await until(() => process.output.includes('  Data '), 'the greeting is printed')
  expect(process.output).toContain('This process may open 2048 files, but its limits of connections add up to 21044')
})
