import { describe, expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { loginBody } from '../env/login.ts'
import { valueIn } from '../env/metric.ts'
import { Rest, startService } from '../env/rest.ts'

const SETTINGS = { FAILED_LOGINS_PER_MINUTE: '2', TRUSTED_PROXIES: '127.0.0.0/8', METRICS_TOKEN: 'metrics' }
const FRIENDS = '/v1/friendships/me'

/** Who calls from another address of the same network each time. */
class Attacker {
  readonly #rest: Rest
  #calls = 0

  constructor(rest: Rest) {
    this.#rest = rest
  }

  from(): Record<string, string> {
    this.#calls += 1
    return { 'x-forwarded-for': `2001:db8::${this.#calls}` }
  }

  async get(token: string, path = FRIENDS): Promise<number> {
    return (await this.#rest.as(token).get(path, this.from())).status
  }
}

describe('an address from which too many tokens were not valid', () => {
  it.each([FRIENDS, '/v1/account/config', '/_matrix/client/v3/account/whoami'])(
    'has others refused without a look, and is served by those that are known: %s',
    async path => {
      // One token is remembered: the last one that was used, or logged in.
      await using env = await startService({ ...SETTINGS, TOKEN_CACHE_SIZE: '1' })
      const rest = new Rest(env.app.httpUrl)
      const attacker = new Attacker(rest)
      const [known, unknown] = [await rest.login(), await rest.login()]
      const tokenOf = ({ rest: { token } }: typeof known): string => token ?? ''
      expect(await attacker.get(tokenOf(known), path)).toBe(200)
      for (let call = 0; call < 3; call++) expect(await attacker.get(`none-${call}`, path)).toBe(401)
      const refused = await rest.as('none').get(path, attacker.from())
      expect(refused.status).toBe(429)
      expect(refused.headers.get('retry-after')).toBe('60')
      // Valid, but nobody knows yet.
      expect(await attacker.get(tokenOf(unknown), path)).toBe(429)
      expect(await attacker.get(tokenOf(known), path)).toBe(200)
      expect((await unknown.rest.get(path)).status).toBe(200)
      const { text } = await rest.as('metrics').get('/metrics')
      expect(valueIn(text, 'social_refused_total{budget="failed-logins"}')).toBe(2)
    }
  )

  it('cannot log in either, and logins that fail are counted too', async () => {
    await using env = await startService(SETTINGS)
    const rest = new Rest(env.app.httpUrl)
    const attacker = new Attacker(rest)
    const login = async (json: object, headers = attacker.from()): Promise<number> =>
      (await rest.send('POST', '/_matrix/client/v3/login', { json, headers })).status
    const valid = loginBody(await createWallet())
    expect(await login(valid)).toBe(200)
    for (let call = 0; call < 3; call++) expect(await login(valid)).toBe(403)
    expect(await login(loginBody(await createWallet()))).toBe(429)
    expect(await attacker.get('none')).toBe(429)
    expect(await login(loginBody(await createWallet()), {})).toBe(200)
  })
})
