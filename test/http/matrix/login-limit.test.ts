import { expect, it } from 'vitest'
import { createWallet } from '../../../demo/wallet.ts'
import { loginBody } from '../../env/login.ts'
import { Rest, startService } from '../../env/rest.ts'

const LIMIT = 3

/** Logs in as often as allowed, and once more, each time as somebody else. @returns the last answer */
async function exceed(rest: Rest, headersOf: (login: number) => Record<string, string>) {
  let answer = await rest.get('/health/live')
  for (let login = 0; login <= LIMIT; login += 1) {
    if (login > 0) expect(answer.status).toBe(200)
    const json = loginBody(await createWallet())
    answer = await rest.send('POST', '/_matrix/client/v3/login', { json, headers: headersOf(login) })
  }
  return answer
}

it('logins from one address are limited, which says when to come back', async () => {
  await using env = await startService({ LOGINS_PER_MINUTE: String(LIMIT) })
  const { status, headers, body } = await exceed(new Rest(env.app.httpUrl), () => ({}))
  expect(status).toBe(429)
  expect(body).toEqual({
    errcode: 'M_LIMIT_EXCEEDED',
    error: expect.any(String),
    retry_after_ms: expect.any(Number)
  })
  expect(body.retry_after_ms).toBeGreaterThan(0)
  expect(body.retry_after_ms).toBeLessThanOrEqual(60_000)
  expect(headers.get('retry-after')).toBe(String(Math.ceil(body.retry_after_ms / 1000)))
})

const forwarded = (login: number): Record<string, string> => ({ 'x-forwarded-for': `192.0.2.${login}, 203.0.113.9` })

it.each<[string, Record<string, string>, number]>([
  ['is not taken from anybody', {}, 429],
  ['is not taken from one that is not trusted', { TRUSTED_PROXIES: '10.0.0.0/8' }, 429],
  ['is taken from one that is trusted, about the one before it only', { TRUSTED_PROXIES: '127.0.0.0/8' }, 429],
  ['is taken along a chain of trusted ones', { TRUSTED_PROXIES: '127.0.0.1,203.0.113.0/24' }, 200]
])('the word of a proxy on who calls %s', async (_, settings, status) => {
  await using env = await startService({ LOGINS_PER_MINUTE: String(LIMIT), ...settings })
  const rest = new Rest(env.app.httpUrl)
  expect((await exceed(rest, forwarded)).status).toBe(status)
  // Another address before the trusted proxy is another client.
  const other = { 'x-forwarded-for': '198.51.100.7' }
  const answer = await rest.send('POST', '/_matrix/client/v3/login', {
    json: loginBody(await createWallet()),
    headers: other
  })
  expect(answer.status).toBe(settings['TRUSTED_PROXIES']?.startsWith('127') ? 200 : 429)
})

it.each<[string, (login: number) => string, Record<string, string>]>([
  ['an IPv6 network', login => `2001:db8::${login + 1}`, {}],
  ['an IPv6 network of another size', login => `2001:db8:0:${login}::1`, { IPV6_PREFIX: '48' }],
  ['one address with the ports of a proxy', login => `203.0.113.9:${50_000 + login}`, {}],
  ['one address with a port and brackets', login => `[2001:db8::1]:${50_000 + login}`, {}],
  ['one address with and without zone', login => (login % 2 === 0 ? 'fe80::1%eth0' : 'fe80::1%1'), {}],
  ['one address within IPv6 and without', login => (login % 2 === 0 ? '::ffff:203.0.113.9' : '203.0.113.9'), {}],
  ['one address in its spellings', login => (login % 2 === 0 ? '2001:DB8:0::7' : '2001:db8:0:0:0:0:0:7'), {}],
  ['a proxy that names no address', login => `unknown${login}`, {}]
])('logins from %s count as those of one client', async (_, addressOf, settings) => {
  const limits = { LOGINS_PER_MINUTE: String(LIMIT), TRUSTED_PROXIES: '127.0.0.0/8' }
  await using env = await startService({ ...limits, ...settings })
  const rest = new Rest(env.app.httpUrl)
  expect((await exceed(rest, login => ({ 'x-forwarded-for': addressOf(login) }))).status).toBe(429)
})
