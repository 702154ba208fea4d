import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Folder, freshFolder, freshPostgres, postgresUrl } from '../env/databases.ts'
import { NatsServer, natsProgram } from '../env/nats.ts'
import { freePort, listenOnFreePort } from '../env/ports.ts'
import { program } from '../env/program.ts'
import { RedisServer, redisProgram } from '../env/redis.ts'
import { Programs } from './programs.ts'

/** Compiling it counts as a preparation of the first test. */
beforeAll(program)

const programs = new Programs()
afterEach(() => programs[Symbol.asyncDispose]())

interface Result {
  readonly code: number
  readonly output: string
  readonly lines: readonly string[]
}

async function check(settings: Record<string, string>, folder?: Folder): Promise<Result> {
  const { path: cwd } = folder ?? programs.own(await freshFolder())
  const [node = '', ...args] = await program()
  const env = { PATH: process.env['PATH'], ...settings }
  return new Promise(done => {
    execFile(node, [...args, 'check'], { cwd, env }, (error, stdout, stderr) => {
      const output = stdout + stderr
      const lines = output.split('\n').map(line => line.trim().replace(/ +/g, ' '))
      done({ code: error ? Number(error.code) : 0, output, lines })
    })
  })
}

/** Stands for a Catalyst, a homeserver, an Ethereum node and comms-gatekeeper. */
async function world(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    const token = request.headers.authorization
    const bodies: Record<string, unknown> = {
      '/lambdas/profiles': [],
      '/_matrix/client/versions': { versions: ['v1.5'] },
      [`/users/0x${'0'.repeat(40)}/private-messages-privacy`]: token === 'Bearer s3cr3t' && {},
      '/eth': { jsonrpc: '2.0', id: 1, result: '0x1' },
      ...(token === 'Bearer as' && { '/_matrix/client/v3/account/whoami': { user_id: '@bot:example.org' } })
    }
    const body = bodies[request.url ?? '']
    response.writeHead(body ? 200 : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body ?? { errcode: 'M_UNKNOWN_TOKEN' }))
  })
  const port = await listenOnFreePort(server)
  programs.own({ [Symbol.asyncDispose]: async () => void server.close() })
  return `http://127.0.0.1:${port}`
}

const APPSERVICE = {
  MATRIX_MODE: 'appservice',
  MATRIX_AS_TOKEN: 'as',
  MATRIX_HS_TOKEN: 'hs-s3cr3t',
  MATRIX_TOKEN_KEY: `s3cr3t${'k'.repeat(32)}`,
  SERVER_NAME: 'example.org'
}

describe('social-service check', () => {
  it('prints where each value comes from, and no secret', async () => {
    const folder = programs.own(await freshFolder())
    await writeFile(join(folder.path, '.env'), 'MAX_FRIENDS=7\nWKC_METRICS_BEARER_TOKEN=s3cr3t\nHTTP_PORT=1\n')
    const { code, output, lines } = await check({ HTTP_PORT: '81', REDIS_HOST: '' }, folder)
    expect(code).toBe(0)
    expect(lines).toContain('MAX_FRIENDS 7 (.env)')
    expect(lines).toContain('METRICS_TOKEN (hidden) (.env, as WKC_METRICS_BEARER_TOKEN)')
    expect(lines).toContain('HTTP_PORT 81 (environment)')
    expect(lines).toContain('LOG_LEVEL info (default)')
    expect(lines).toContain('REDIS_URL - (default)')
    expect(lines).toContain(`Database ok embedded in ${join(folder.path, 'data')}`)
    expect(lines).toContain('Redis not set')
    expect(output).not.toContain('s3cr3t')
  })

  it('ends with 1 at a mistake, which it names', async () => {
    const { code, lines } = await check({ DATABSE_URL: 'postgres://app:s3cr3t@db/social' })
    expect(code).toBe(1)
    expect(lines).toContain('DATABSE_URL is no setting of this service: did you mean DATABASE_URL?')
  })

  const hasServers = postgresUrl !== null && redisProgram() !== null && natsProgram() !== null
  it.skipIf(!hasServers)('tries every service', async () => {
    const redis = programs.own(await RedisServer.start())
    const nats = programs.own(await NatsServer.start('--user', 'app', '--pass', 's3cr3t'))
    const url = await world()
    const { code, output, lines } = await check({
      ...APPSERVICE,
      ENVIRONMENT: 'org',
      DATABASE_URL: await freshPostgres(),
      REDIS_URL: redis.url,
      PRESENCE_SOURCE: 'nats',
      NATS_URL: nats.url.replace('://', '://app:s3cr3t@'),
      MATRIX_HOMESERVER_URL: url,
      CATALYST_URL: url,
      WEBHOOKS: `chat=${url}/hook`,
      WEBHOOK_SECRETS: `chat=whsec_${'s3cr3t00'.repeat(4)}`,
      COMMS_GATEKEEPER_URL: url,
      COMMS_GATEKEEPER_AUTH_TOKEN: 's3cr3t',
      ETHEREUM_RPC_URL: `${url}/eth`
    })
    expect(output).not.toMatch(/\bFAILED\b/)
    expect(code).toBe(0)
    expect(lines).toContainEqual(expect.stringMatching(/^Database ok PostgreSQL \d+.*, database test_\w+$/))
    expect(lines).toContain('Redis ok counts, publishes and subscribes')
    expect(lines).toContain('NATS ok listens to the peers of the world')
    expect(lines).toContain('Homeserver ok answers, and knows this service as @bot:example.org')
    expect(lines).toContain('Catalyst ok answers')
    expect(lines).toContain('Webhooks ok somebody answers at chat')
    expect(lines).toContain('comms-gatekeeper ok takes what it is told')
    expect(lines).toContain('Ethereum ok answers, of chain 1')
    expect(output).not.toContain('s3cr3t')
  })

  it('says of each service in one line what is wrong, and ends with 1', async () => {
    const away = `127.0.0.1:${await freePort()}`
    const { code, output, lines } = await check({
      ...APPSERVICE,
      ENVIRONMENT: 'zone',
      DATABASE_URL: `postgres://app:s3cr3t@${away}/social`,
      REDIS_URL: `redis://:s3cr3t@${away}`,
      PRESENCE_SOURCE: 'both',
      NATS_URL: `nats://app:s3cr3t@${away}`,
      MATRIX_HOMESERVER_URL: await world(),
      MATRIX_AS_TOKEN: 'other',
      CATALYST_URL: `http://${away}`,
      WEBHOOKS: `chat=http://${away}/s3cr3t`,
      WEBHOOK_SECRETS: `chat=whsec_${'s3cr3t00'.repeat(4)}`,
      AWS_SNS_ARN: 'arn:aws:sns:us-east-1:123456789012:events',
      AWS_SNS_ENDPOINT: `http://${away}`,
      AWS_ACCESS_KEY_ID: 's3cr3t',
      AWS_SECRET_ACCESS_KEY: 's3cr3t',
      COMMS_GATEKEEPER_URL: await world(),
      COMMS_GATEKEEPER_AUTH_TOKEN: 'another-s3cr3t',
      ETHEREUM_RPC_URL: `${await world()}/eth`
    })
    expect(code).toBe(1)
    const failed = lines.filter(line => line.includes(' FAILED '))
    expect(failed).toEqual([
      expect.stringMatching(/^Database FAILED The database cannot be reached: .*ECONNREFUSED/),
      expect.stringMatching(/^Redis FAILED Redis cannot be reached \(ECONNREFUSED/),
      expect.stringMatching(/^NATS FAILED NATS cannot be reached \(.*ECONNREFUSED/),
      expect.stringMatching(
        /^Homeserver FAILED The homeserver does not know MATRIX_AS_TOKEN: give it the registration/
      ),
      'Catalyst FAILED The Catalyst does not answer as one: is CATALYST_URL right? (ECONNREFUSED)',
      'Ethereum FAILED ETHEREUM_RPC_URL is of chain 1, but ENVIRONMENT zone needs chain 11155111',
      'Webhooks FAILED The webhook chat does not answer as one: is WEBHOOKS right? (ECONNREFUSED)',
      'SNS FAILED SNS does not answer: ECONNREFUSED. Are AWS_SNS_ARN and the credentials right?',
      'comms-gatekeeper FAILED comms-gatekeeper answers 401. Are COMMS_GATEKEEPER_URL and its token right?'
    ])
    expect(output).not.toContain('s3cr3t')
  })

  it('says that a homeserver which checks logins itself is left with the registration', async () => {
    const { code, lines } = await check({
      MATRIX_MODE: 'passthrough',
      MATRIX_HOMESERVER_URL: await world(),
      MATRIX_AS_TOKEN: 'as',
      SERVER_NAME: 'example.org'
    })
    expect(code).toBe(1)
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^Homeserver FAILED MATRIX_MODE is passthrough, but the homeserver still has the registration/
      )
    )
  })
})
