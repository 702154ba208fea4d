import { Client } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLogger } from '../../src/observability/logger.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { PostgresServer } from '../env/postgres.ts'
import { type Answer, act, type LoggedIn, Rest, statePath } from '../env/rest.ts'
import { until } from '../env/until.ts'

interface Line {
  readonly level: string
  readonly requestId?: string
  readonly client?: string
  readonly url?: string
  readonly err?: { readonly stack: string }
}

/** A log that is kept. */
function recorder() {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const of = ({ headers }: Answer): Line[] =>
    lines.map(line => JSON.parse(line) as Line).filter(({ requestId }) => requestId === headers.get('x-request-id'))
  return { lines, of, logger: createLogger({ level: 'info', format: 'json', destination }) }
}

async function start() {
  const log = recorder()
  const url = await freshPostgres()
  const env = await Env.start({ DATABASE_URL: url }, { logger: log.logger })
  return { env, log, url, rest: new Rest(env.app.httpUrl) }
}

/** Stores what the service has no word for: the next one to read it fails in a way that nobody foresaw. */
async function corrupt(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

describeWithPostgres('what nobody foresaw', () => {
  let parts: Awaited<ReturnType<typeof start>>
  let alice: LoggedIn
  let bob: LoggedIn
  beforeAll(async () => {
    parts = await start()
    alice = await parts.rest.login()
    bob = await parts.rest.login()
    await alice.rest.put('/v1/account/config', { config: { friends: 'FRIENDS', friendsCount: 'FRIENDS' } })
    await act(alice, bob, 'request', 'A very private message')
    await corrupt(parts.url, 'update user_settings set friends_exposure = 99; update pair set last_action = 99')
  })
  afterAll(() => parts.env.stop())

  it('is answered without a word about it, in both shapes', async () => {
    const social = await alice.rest.get('/v1/account/config')
    expect(social.status).toBe(500)
    expect(social.text).toBe('{"code":500,"error":"Internal Server Error","message":"Internal error"}')
    const matrix = await bob.rest.put(statePath(alice.address, bob.address), { type: 'accept' })
    expect(matrix.status).toBe(500)
    expect(matrix.text).toBe('{"errcode":"M_UNKNOWN","error":"Internal error"}')
  })

  it('is logged with all that helps to find it, and no secret', async () => {
    const answer = await alice.rest.get(`/v1/account/config?access_token=${bob.rest.token}&page=7`)
    expect(parts.log.of(answer)).toMatchObject([
      {
        level: 'error',
        method: 'GET',
        client: '127.0.0.1',
        url: expect.stringMatching(/^\/v1\/account\/config\?.*page=7/),
        err: { message: expect.stringContaining('Unknown code 99'), stack: expect.stringContaining('settings.ts') }
      }
    ])
    for (const secret of [alice.rest.token, bob.rest.token, 'A very private message']) {
      expect(parts.log.lines.join()).not.toContain(secret)
    }
  })

  it('and what was foreseen is not logged', async () => {
    const foreseen = [
      await alice.rest.get('/nowhere'),
      await parts.rest.get('/v1/account/config'),
      await parts.rest.post('/_matrix/client/r0/login', {})
    ]
    for (const answer of foreseen) expect(parts.log.of(answer)).toEqual([])
  })
})

describeWithPostgres('a database that is away', () => {
  it('makes the service not ready, and every answer that needs it a 503, until it is back', async () => {
    await using postgres = await PostgresServer.start({ durable: true })
    const { logger, of, lines } = recorder()
    await using env = await Env.start({ DATABASE_URL: postgres.url, DATABASE_CONNECT_TIMEOUT: '1s' }, { logger })
    const rest = new Rest(env.app.httpUrl)
    const alice = await rest.login()
    const ready = async () => {
      const { status, headers, body } = await rest.get('/health/ready')
      return { status, type: headers.get('content-type'), body }
    }
    const passing = { details: { database: { status: 'pass' } }, status: 'pass' }
    expect(await ready()).toEqual({ status: 200, type: 'application/health+json; charset=utf-8', body: passing })

    await postgres.stop('immediate')
    const failing = { details: { database: { status: 'fail' } }, status: 'fail' }
    expect(await ready()).toEqual({ status: 503, type: 'application/health+json; charset=utf-8', body: failing })
    const social = await alice.rest.get('/v1/friendships/me')
    expect(social).toMatchObject({ status: 503, body: { code: 503, error: 'Service Unavailable' } })
    const matrix = await rest.as('made-up').get('/_matrix/client/r0/account/whoami')
    expect(matrix).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN' } })
    for (const answer of [social, matrix]) {
      expect(answer.text).not.toMatch(/ECONN|127\.0|postgres|select/i)
      expect(of(answer)).toMatchObject([{ level: 'warn', msg: expect.stringContaining('database') }])
    }
    expect(lines.join()).not.toContain(alice.rest.token)
    expect((await rest.get('/health/live')).text).toBe('"alive"')

    await postgres.start()
    await until(async () => (await ready()).status === 200, 'the service is ready again')
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(200)
  })
})
