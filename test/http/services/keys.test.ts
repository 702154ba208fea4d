import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '../../../src/observability/logger.ts'
import { Env } from '../../env/app.ts'
import { describeWithPostgres, freshPostgres, silent } from '../../env/databases.ts'
import { createKey, keysCommand } from '../../env/keys.ts'
import { valueIn } from '../../env/metric.ts'
import { Rest } from '../../env/rest.ts'
import { until } from '../../env/until.ts'
import { TcpProxy } from '../../faults/tcp-proxy.ts'

const NOBODY = `0x${'ab'.repeat(20)}`
const PRIVACY = `/v1/users/${NOBODY}/privacy-settings`
const FRIENDS = `/v1/users/${NOBODY}/friends`
const WRONG = `dcl_social_${'0'.repeat(12)}_${'A'.repeat(43)}`
const MAX_BYTES = 65_536

/** A request that came through a trusted proxy. */
const from = (ip: string): Record<string, string> => ({ 'x-forwarded-for': ip })

describeWithPostgres('an API key', () => {
  let database: { readonly DATABASE_URL: string }
  const settings = () => ({ ...database, DATABASE_POOL_SIZE: '4', TRUSTED_PROXIES: '127.0.0.0/8' })
  let key: string
  let other: string
  beforeAll(async () => {
    database = { DATABASE_URL: await freshPostgres() }
    key = await createKey(database, 'friends:read')
    other = await createKey(database, 'friends:read')
  })

  async function query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = new Client({ connectionString: database.DATABASE_URL })
    await client.connect()
    try {
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end()
    }
  }

  describe('made and ended by a command, while the service runs', () => {
    const lines: string[] = []
    const instances: Env[] = []
    beforeAll(async () => {
      const logger = createLogger({
        level: 'debug',
        format: 'json',
        destination: { write: line => void lines.push(line) }
      })
      for (let n = 0; n < 2; n += 1) instances.push(await Env.start(settings(), { logger }))
    })
    afterAll(async () => {
      for (const env of instances) await env.stop()
    })
    const statuses = (key: string, path = FRIENDS): Promise<number[]> =>
      Promise.all(instances.map(async ({ app }) => (await new Rest(app.httpUrl, key).get(path)).status))

    it('is good at once, and refused at the very next request, on every instance', async () => {
      const made = await createKey(database, 'friends:read')
      expect(await statuses(made)).toEqual([200, 200])
      expect(await statuses(made, PRIVACY)).toEqual([403, 403])
      const [, , id = ''] = made.split('_')
      expect((await keysCommand(database, 'revoke', id)).stdout).toBe(`Revoked: ${id}, a test.\n`)
      expect(await statuses(made)).toEqual([401, 401])
      await expect(keysCommand(database, 'revoke', id)).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`no key "${id}"`)
      })
    })

    it('is listed with its last use, and without its secret', async () => {
      const made = await createKey(database, 'friends:read', 'settings:read')
      const [, , id = ''] = made.split('_')
      const row = async (): Promise<string> =>
        (await keysCommand(database, 'list')).stdout.split('\n').find(line => line.includes(id)) ?? ''
      const date = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC'
      expect(await row()).toMatch(new RegExp(`^  ${id}  a test  settings:read,friends:read  ${date}  never$`))
      await statuses(made)
      await until(async () => new RegExp(`  ${date}  ${date}$`).test(await row()), 'its use is told')
    })

    it('is in the database as a hash alone, and in no line of a log', async () => {
      await statuses(key)
      await statuses(key, `${FRIENDS}?access_token=${key}`)
      await statuses(key, PRIVACY)
      await statuses(key, '/v1/friendships/me')
      const secret = key.slice(key.indexOf('_', 'dcl_social_'.length) + 1)
      const rows = await query<{ row: string }>('select api_key::text as row from api_key')
      const dump = rows.map(({ row }) => row).join('\n')
      expect(dump).toContain(key.split('_')[2])
      for (const text of [dump, lines.join('')]) {
        expect(text).not.toContain(secret)
        expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'))
      }
    })
  })

  it('that is wrong again and again is refused without a look, and one that is right is not', async () => {
    await using env = await Env.start({ ...settings(), FAILED_LOGINS_PER_MINUTE: '1' })
    const statusOf = async (text: string, ip = '192.0.2.1') =>
      (await new Rest(env.app.httpUrl, text).get(FRIENDS, from(ip))).status
    expect(await statusOf(key)).toBe(200)
    const answers: number[] = []
    for (let call = 0; call < 6; call += 1) answers.push(await statusOf(call % 2 ? WRONG : `${key.slice(0, -1)}-`))
    expect(answers).toEqual([401, 401, 429, 429, 429, 429])
    // Not by others of its address, as it was valid of late; of one that was not, nobody knows that it is.
    expect(await statusOf(key)).toBe(200)
    expect(await statusOf(other)).toBe(429)
    expect(await statusOf(other, '192.0.2.2')).toBe(200)
    const { text } = await new Rest(env.app.httpUrl, 'metrics').get('/metrics')
    const count = (outcome: string): number =>
      valueIn(text, `social_service_requests_total{scope="friends:read",outcome="${outcome}"}`)
    expect(['admitted', 'unknown', 'limited', 'scope', 'keyless', 'failed'].map(count)).toEqual([3, 2, 5, 0, 0, 0])
  })

  it('is used so often in a second, and others are not the worse for it', async () => {
    const [busy, calm] = [key, other]
    await using env = await Env.start({ ...settings(), REQUESTS_PER_SECOND_PER_KEY: '2' })
    const get = (key: string) => new Rest(env.app.httpUrl, key).get(FRIENDS)
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(busy)))
    const refused = answers.filter(({ status }) => status === 429)
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(4)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
    expect((await get(calm)).status).toBe(200)
    await until(async () => (await get(busy)).status === 200, 'it is let in again')
  })

  it('is not asked of the services of a network that is named, for who may write to a user', async () => {
    await using env = await Env.start({ ...settings(), SERVICES_WITHOUT_KEY: '10.1.0.0/16, fd00::/8' })
    const rest = new Rest(env.app.httpUrl)
    const statusOf = async (ip: string, path = PRIVACY) => (await rest.get(path, from(ip))).status
    // As decentraland/comms-gatekeeper asks, which sends no header of its own: src/adapters/social.ts at 0a7c499.
    expect(await rest.get(PRIVACY, from('10.1.2.3'))).toMatchObject({
      status: 200,
      body: { private_messages_privacy: 'all' }
    })
    expect(await statusOf('fd00::1')).toBe(200)
    expect(await statusOf('10.2.0.1')).toBe(401)
    expect(await statusOf('::1')).toBe(401)
    expect(await statusOf('10.1.2.3', FRIENDS)).toBe(401)
    expect(
      (await rest.send('POST', '/v1/users/relations', { json: { pairs: [] }, headers: from('10.1.2.3') })).status
    ).toBe(401)
    expect((await rest.as(WRONG).get(PRIVACY, from('10.1.2.3'))).status).toBe(401)
    expect((await rest.get(PRIVACY)).headers.get('www-authenticate')).toBe('Bearer')
  })

  it('is neither good nor wrong while the database is away', async () => {
    await using proxy = await TcpProxy.start(database.DATABASE_URL)
    const away = { DATABASE_URL: proxy.url, FAILED_LOGINS_PER_MINUTE: '1' }
    await using env = await Env.start({ ...settings(), ...away }, { logger: silent })
    const get = () => new Rest(env.app.httpUrl, key).get(FRIENDS)
    proxy.refuse()
    for (let call = 0; call < 4; call += 1) expect(await get()).toMatchObject({ status: 503 })
    proxy.accept()
    await until(async () => (await get()).status === 200, 'it is good again')
  })

  it('that reads the friends of a user with thousands gets pages that keep to the bytes of an answer', async () => {
    const user = `0x${'0'.repeat(40)}`
    const friends = Array.from({ length: 3_000 }, (_, at) => `0x1${at.toString(16).padStart(39, '0')}`)
    await query(
      `insert into pair (lo, hi, last_action, actor_is_lo, acted_at, version)
        select $1, other, 2, true, 0, nextval('pair_event_seq') from unnest($2::text[]) other`,
      [user, friends]
    )
    await query('insert into user_count values ($1, $2, 0, 0)', [user, friends.length])
    await using env = await Env.start({ ...settings(), MAX_ANSWER_SIZE: String(MAX_BYTES), LIST_PAGE_LIMIT: '10000' })
    const rest = new Rest(env.app.httpUrl, key)
    const all: string[] = []
    let pages = 0
    while (all.length < friends.length) {
      const { text, body } = await rest.get(`/v1/users/${user}/friends?limit=10000&offset=${all.length}`)
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BYTES)
      expect(body.total).toBe(friends.length)
      all.push(...body.friends)
      pages += 1
      expect(pages).toBeLessThanOrEqual(3)
    }
    expect(all).toEqual(friends)
  })
})
