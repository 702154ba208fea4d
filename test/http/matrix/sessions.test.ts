import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { Database } from '../../../src/storage/db/database.ts'
import { Env } from '../../env/app.ts'
import { freshDataDir, LIMITS, silent } from '../../env/databases.ts'
import { type LoggedIn, Rest, startService } from '../../env/rest.ts'

const WHO = '/_matrix/client/r0/account/whoami'
const HOUR = 3_600_000

let env: Env
let rest: Rest
/** How far the clock of the service is ahead, in milliseconds. */
let ahead = 0
beforeAll(async () => {
  env = await startService({ MAX_SESSIONS_PER_USER: '3', TOKEN_LIFETIME: '1h' }, { now: () => Date.now() + ahead })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const statusOf = async ({ rest: user }: LoggedIn): Promise<number> => (await user.get(WHO)).status
const UNKNOWN = { status: 401, body: { errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token' } }
const MISSING = { status: 401, body: { errcode: 'M_MISSING_TOKEN', error: 'Missing access token' } }

describe.each(['r0', 'v3'])('under %s', version => {
  const base = `/_matrix/client/${version}`

  it('a token says whose it is, in the header and in the query', async () => {
    const alice = await rest.login()
    const answer = { status: 200, body: { user_id: `@${alice.address}:localhost`, device_id: alice.deviceId } }
    expect(await alice.rest.get(`${base}/account/whoami`)).toMatchObject(answer)
    expect(await rest.get(`${base}/account/whoami?access_token=${alice.rest.token}`)).toMatchObject(answer)
  })

  it('logout ends this session at once, and no other', async () => {
    const alice = await rest.login()
    const [phone, bob] = [await rest.login(alice), await rest.login()]
    expect([await statusOf(alice), await statusOf(phone), await statusOf(bob)]).toEqual([200, 200, 200])
    expect(await alice.rest.post(`${base}/logout`)).toMatchObject({ status: 200, body: {} })
    expect([await statusOf(alice), await statusOf(phone), await statusOf(bob)]).toEqual([401, 200, 200])
    expect(await alice.rest.get(WHO)).toMatchObject(UNKNOWN)
    expect(await alice.rest.post(`${base}/logout`)).toMatchObject(UNKNOWN)
    expect((await alice.rest.get('/v1/friendships/me')).status).toBe(401)
  })

  it('logout/all ends all sessions of the user at once, and of nobody else', async () => {
    const alice = await rest.login()
    const [phone, bob] = [await rest.login(alice), await rest.login()]
    expect([await statusOf(alice), await statusOf(phone), await statusOf(bob)]).toEqual([200, 200, 200])
    expect(await phone.rest.post(`${base}/logout/all`)).toMatchObject({ status: 200, body: {} })
    expect([await statusOf(alice), await statusOf(phone), await statusOf(bob)]).toEqual([401, 401, 200])
  })

  it('logout takes the token of the query, and needs no body', async () => {
    const alice = await rest.login()
    expect((await rest.send('POST', `${base}/logout?access_token=${alice.rest.token}`)).status).toBe(200)
    expect(await statusOf(alice)).toBe(401)
    const bob = await rest.login()
    const headers = { 'content-type': 'application/json' }
    expect((await bob.rest.send('POST', `${base}/logout/all`, { headers })).status).toBe(200)
    expect(await statusOf(bob)).toBe(401)
  })

  it.each(['account/whoami', 'logout', 'logout/all'])('%s is refused without a token that is good', async path => {
    const method = path === 'account/whoami' ? 'GET' : 'POST'
    const send = (query: string, authorization?: string) =>
      rest.send(method, `${base}/${path}${query}`, { ...(authorization && { headers: { authorization } }) })
    for (const query of ['', '?access_token', '?access_token=', '?access_token=a&access_token=b']) {
      expect(await send(query)).toMatchObject(MISSING)
    }
    for (const header of ['Bearer', 'Bearer ', 'Basic YTpi', 'Token abc', 'Bearer a b', ',']) {
      expect(await send('', header)).toMatchObject(MISSING)
    }
    expect(await send('?access_token=made-up')).toMatchObject(UNKNOWN)
    expect(await send(`?access_token=${'x'.repeat(5000)}`)).toMatchObject(UNKNOWN)
    expect(await send('', 'bearer made-up')).toMatchObject(UNKNOWN)
  })
})

describe('a session', () => {
  it('is replaced by the next one of the same device', async () => {
    const alice = await rest.login(undefined, 'LAPTOP')
    const [phone, bob] = [await rest.login(alice, 'PHONE'), await rest.login(undefined, 'LAPTOP')]
    expect(await statusOf(alice)).toBe(200)
    const again = await rest.login(alice, 'LAPTOP')
    expect(again.deviceId).toBe('LAPTOP')
    expect([await statusOf(alice), await statusOf(again)]).toEqual([401, 200])
    expect([await statusOf(phone), await statusOf(bob)]).toEqual([200, 200])
  })

  it('is ended by newer ones, oldest first, when its user has too many', async () => {
    const first = await rest.login()
    const sessions = [first]
    for (let count = 1; count < 5; count += 1) {
      // The clock of the machine can stand still for a moment, and then neither would be older.
      ahead += 1
      sessions.push(await rest.login(first))
      await Promise.all(sessions.map(statusOf))
    }
    expect(await Promise.all(sessions.map(statusOf))).toEqual([401, 401, 200, 200, 200])
  })

  it('lasts as long as it is configured to, also in the cache', async () => {
    const alice = await rest.login()
    ahead += HOUR - 10_000
    expect(await statusOf(alice)).toBe(200)
    ahead += 10_000
    expect(await alice.rest.get(WHO)).toMatchObject(UNKNOWN)
  })
})

it('a session is stored with nothing but a hash of its token', async () => {
  await using folder = await freshDataDir()
  const wallet = await createWallet()
  const service = await Env.start({ DATA_DIR: folder.path })
  const token = (await new Rest(service.app.httpUrl).login(wallet)).rest.token ?? ''
  await service.stop()

  const dump = await contents(folder.path)
  expect(dump).toContain(wallet.address)
  expect(dump).toContain(createHash('sha256').update(token).digest('hex'))
  for (const secret of [token, Buffer.from(token).toString('hex'), Buffer.from(token, 'base64url').toString('hex')]) {
    expect(dump).not.toContain(secret)
  }
})

/** Every row of every table, as text. */
async function contents(dataDir: string): Promise<string> {
  const db = await Database.open({ ...LIMITS, dataDir }, silent)
  try {
    const names = `select table_name from information_schema.tables where table_schema = 'public'`
    const tables = await db.rows<[string]>({ name: 'tables', text: names }, [])
    const all = tables.map(([table]) => db.rows({ name: table, text: `select t::text from "${table}" t` }, []))
    return JSON.stringify(await Promise.all(all))
  } finally {
    await db.close()
  }
}
