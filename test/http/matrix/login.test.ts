import { Authenticator } from '@dcl/crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../../demo/wallet.ts'
import { mirrored } from '../../auth/chain-cases.ts'
import type { Env } from '../../env/app.ts'
import { loginBody } from '../../env/login.ts'
import { Rest, startService } from '../../env/rest.ts'

const LOGIN = '/_matrix/client/r0/login'
const MINUTE = 60_000
const NOW = Date.now()

let env: Env
let rest: Rest
let wallet: Wallet
beforeAll(async () => {
  env = await startService({ SERVER_NAME: 'social.example' }, { now: () => NOW })
  rest = new Rest(env.app.httpUrl)
  wallet = await createWallet()
})
afterAll(() => env.stop())

type Body = ReturnType<typeof loginBody>

/** A time that no other test signs, so that no login is one that was used before. */
let used = NOW
function fresh(signer = wallet): Body {
  used -= 1
  return loginBody(signer, used)
}

const upper = (address: string): string => `0x${address.slice(2).toUpperCase()}`
const mixed = (address: string): string =>
  address.replace(/[a-f]/g, (letter, index) => (index % 2 ? letter.toUpperCase() : letter))

describe('a login', () => {
  it.each(['r0', 'v3'])('is answered in the shape that clients read, under %s', async version => {
    const answer = await rest.post(`/_matrix/client/${version}/login`, fresh())
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      user_id: `@${wallet.address}:social.example`,
      social_user_id: wallet.address,
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      device_id: expect.stringMatching(/^\w+$/),
      home_server: 'social.example',
      well_known: { 'm.homeserver': { base_url: env.app.httpUrl } }
    })
    expect((await rest.get(`/_matrix/client/${version}/login`)).body).toEqual({
      flows: [{ type: 'm.login.decentraland' }]
    })
  })

  it('may say who logs in, in any letter case and as a Matrix id', async () => {
    const { address } = wallet
    const matrixId = `@${address}:social.example`
    for (const user of [address, upper(address), mixed(address), matrixId, `@${upper(address)}:social.example`]) {
      const body = fresh()
      const spelled = { ...body, identifier: { ...body.identifier, user } }
      expect(await rest.post(LOGIN, spelled)).toMatchObject({ status: 200, body: { social_user_id: address } })
    }
  })

  it('may be by a chain whose owner is in another letter case', async () => {
    const body = fresh()
    for (const spell of [upper, mixed]) {
      const again = fresh()
      const [signer, ...links] = again.auth_chain
      const chain = [{ ...signer, payload: spell(wallet.address) }, ...links]
      expect(await rest.post(LOGIN, { ...again, auth_chain: chain })).toMatchObject({ status: 200 })
    }
    expect((await rest.post(LOGIN, body)).status).toBe(200)
  })

  it('may be sent as any type of content, as the Matrix specification has it', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-8']) {
      const answer = await rest.send('POST', LOGIN, {
        text: JSON.stringify(fresh()),
        headers: { 'content-type': type }
      })
      expect(answer.status).toBe(200)
    }
  })

  it('may begin with a byte order mark and blanks', async () => {
    const answer = await rest.send('POST', LOGIN, { text: `\uFEFF \r\n${JSON.stringify(fresh())}` })
    expect(answer.status).toBe(200)
  })

  it('may name its device by any character', async () => {
    const answer = await rest.post(LOGIN, { ...fresh(), device_id: '🙂 \u0001\u202e' })
    expect(answer).toMatchObject({ status: 200, body: { device_id: '🙂 \u0001\u202e' } })
  })

  it('may hold more than is needed', async () => {
    const answer = await rest.post(LOGIN, { ...fresh(), initial_device_display_name: 'Explorer', refresh_token: true })
    expect(answer.status).toBe(200)
  })
})

describe('a login is refused', () => {
  const without = (name: keyof Body) => (body: Body) => ({ ...body, [name]: undefined })
  const having = (change: object) => (body: Body) => ({ ...body, ...change })
  const user = (name: string) => having({ identifier: { type: 'm.id.user', user: name } })

  it.each<[string, (body: Body) => unknown, number, string, RegExp]>([
    ['of another type', having({ type: 'm.login.password' }), 400, 'M_UNKNOWN', /login type/],
    ['whose type is a number', having({ type: 5 }), 400, 'M_BAD_JSON', /^`type`/],
    ['without a type', without('type'), 400, 'M_MISSING_PARAM', /^`type` is missing$/],
    ['without an identifier', without('identifier'), 400, 'M_MISSING_PARAM', /^`identifier` is missing$/],
    ['without a timestamp', without('timestamp'), 400, 'M_MISSING_PARAM', /^`timestamp` is missing$/],
    ['without a chain', without('auth_chain'), 400, 'M_MISSING_PARAM', /^`auth_chain` is missing$/],
    ['without a user', having({ identifier: { type: 'm.id.user' } }), 400, 'M_MISSING_PARAM', /^`identifier.user`/],
    ['by phone', having({ identifier: { type: 'm.id.phone', user: '' } }), 400, 'M_BAD_JSON', /^`identifier.type`/],
    ['with a number as timestamp', having({ timestamp: NOW }), 400, 'M_BAD_JSON', /^`timestamp`/],
    ['with a date as timestamp', having({ timestamp: new Date(NOW) }), 400, 'M_BAD_JSON', /^`timestamp`/],
    ['with a negative timestamp', having({ timestamp: '-1' }), 400, 'M_BAD_JSON', /^`timestamp`/],
    ['with a chain that is a text', having({ auth_chain: 'chain' }), 400, 'M_BAD_JSON', /^`auth_chain`/],
    ['with an empty chain', having({ auth_chain: [] }), 400, 'M_BAD_JSON', /^`auth_chain`/],
    ['with links of another type', having({ auth_chain: [{ type: 'X' }] }), 400, 'M_BAD_JSON', /^`auth_chain.0.type`/],
    ['with 1,000 links', having({ auth_chain: Array(1000).fill({}) }), 400, 'M_(BAD_JSON|MISSING_PARAM)', /auth_chain/],
    ['with an empty device', having({ device_id: '' }), 400, 'M_BAD_JSON', /^`device_id`/],
    ['with a NUL in the device', having({ device_id: 'a\0b' }), 400, 'M_BAD_JSON', /^`device_id`/],
    ['with half a pair in the device', having({ device_id: 'a\ud800b' }), 400, 'M_BAD_JSON', /^`device_id`/],
    ['with a long device', having({ device_id: 'd'.repeat(256) }), 400, 'M_BAD_JSON', /^`device_id`/],
    ['of a list', () => [], 400, 'M_BAD_JSON', /^The body/],
    ['of nothing', () => null, 400, 'M_NOT_JSON', /^The body/],
    ['of a text', () => 'login', 400, 'M_BAD_JSON', /^The body/],
    ['of nobody', user(''), 403, 'M_FORBIDDEN', /address/],
    ['of a name', user('@alice:social.example'), 403, 'M_FORBIDDEN', /address/],
    ['of 41 digits', user(`0x${'a'.repeat(41)}`), 403, 'M_FORBIDDEN', /address/],
    ['of a NUL', user(`0x${'a'.repeat(39)}\0`), 403, 'M_FORBIDDEN', /address/],
    ['of an emoji', user('😀'), 403, 'M_FORBIDDEN', /address/],
    ['of somebody else', user(`0x${'1'.repeat(40)}`), 403, 'M_FORBIDDEN', /not of this user/]
  ])('%s', async (_, change, status, errcode, text) => {
    const answer = await rest.post(LOGIN, change(fresh()))
    expect(answer).toMatchObject({ status, body: { errcode: expect.stringMatching(`^${errcode}$`) } })
    expect(Object.keys(answer.body)).toEqual(['errcode', 'error'])
    expect(answer.body.error).toMatch(text)
  })

  it.each<[string, string]>([
    ['cut short', '{"type":'],
    ['of words', 'login'],
    ['of nothing', ''],
    ['of white space', ' '],
    ['with a prototype', '{"__proto__":{"type":"m.login.decentraland"}}'],
    ['with a constructor', '{"constructor":{"prototype":{"type":"m.login.decentraland"}}}']
  ])('when its body is %s and so no JSON', async (_, text) => {
    for (const type of ['application/json', 'text/plain']) {
      const answer = await rest.send('POST', LOGIN, { text, headers: { 'content-type': type } })
      expect(answer).toMatchObject({ status: 400, body: { errcode: 'M_NOT_JSON', error: expect.any(String) } })
    }
    expect({}).not.toHaveProperty('type')
  })

  it('when its body is nested 30,000 deep', async () => {
    for (const text of ['['.repeat(30_000), `${'['.repeat(30_000)}${']'.repeat(30_000)}`]) {
      const answer = await rest.send('POST', LOGIN, { text, headers: { 'content-type': 'application/json' } })
      expect(answer).toMatchObject({ status: 400, body: { errcode: expect.stringMatching(/^M_(NOT|BAD)_JSON$/) } })
    }
  })

  it('when it was signed more than two minutes ago, or ahead', async () => {
    const stranger = await createWallet()
    const at = (time: number) => rest.post(LOGIN, loginBody(stranger, time))
    for (const time of [NOW - 2 * MINUTE - 1, NOW + 2 * MINUTE + 1, 0, 9_007_199_254_740_991]) {
      expect(await at(time)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    }
    expect((await at(NOW - 2 * MINUTE)).status).toBe(200)
    expect((await at(NOW + 2 * MINUTE)).status).toBe(200)
  })

  it('when its delegation has expired', async () => {
    const answer = await rest.post(LOGIN, fresh(await createWallet(-1)))
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN', error: /expired/ } })
  })

  it('when what is signed is not the timestamp', async () => {
    const { auth_chain } = fresh()
    const answer = await rest.post(LOGIN, { ...fresh(), auth_chain })
    expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
  })

  it('when a link is not by the one before', async () => {
    const [signer, delegation, last] = fresh().auth_chain
    const other = fresh(await createWallet())
    for (const auth_chain of [
      [signer, delegation, other.auth_chain[2]],
      [signer, last],
      [signer],
      [delegation, last]
    ]) {
      const answer = await rest.post(LOGIN, { ...other, identifier: fresh().identifier, auth_chain })
      expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
    }
  })
})

describe('a login that was used', () => {
  const replaced = (body: Body, change: (signature: string) => string): Body => {
    const links = body.auth_chain.map((link, index) =>
      index === body.auth_chain.length - 1 ? { ...link, signature: change(link.signature ?? '') } : link
    )
    return { ...body, auth_chain: links }
  }

  it.each<[string, (body: Body) => unknown]>([
    ['as it was', body => body],
    ['for another device', body => ({ ...body, device_id: 'ANOTHER' })],
    ['in upper case', body => ({ ...body, identifier: { type: 'm.id.user', user: upper(wallet.address) } })],
    ['as a Matrix id', body => ({ ...body, identifier: { type: 'm.id.user', user: `@${wallet.address}:x.example` } })],
    ['with the mirrored signature', body => replaced(body, mirrored)],
    ['with its signature in upper case', body => replaced(body, s => `0x${s.slice(2).toUpperCase()}`)],
    ['with its signature in raw form', body => replaced(body, s => s.slice(0, -2) + (s.endsWith('1b') ? '00' : '01'))],
    [
      'by a chain with its owner in upper case',
      body => ({
        ...body,
        auth_chain: body.auth_chain.map((link, n) => (n ? link : { ...link, payload: upper(link.payload) }))
      })
    ],
    [
      'by a chain with line ends of another kind',
      body => ({
        ...body,
        auth_chain: body.auth_chain.map(link => ({ ...link, payload: link.payload.replaceAll('\n', '\r\n') }))
      })
    ]
  ])('is refused %s', async (_, change) => {
    const body = fresh()
    expect((await rest.post(LOGIN, body)).status).toBe(200)
    for (const version of ['r0', 'v3']) {
      const answer = await rest.post(`/_matrix/client/${version}/login`, change(body))
      expect(answer).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN', error: /used before/ } })
    }
  })

  it('is good for exactly one of many that come at once', async () => {
    const body = fresh()
    const answers = await Promise.all(Array.from({ length: 20 }, () => rest.post(LOGIN, body)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(403)])
  })

  it('does not stand in the way of another one of the same instant', async () => {
    const timestamp = String(used)
    const [one, two] = [await createWallet(), await createWallet()]
    for (const { address, identity } of [one, two]) {
      const auth_chain = Authenticator.signPayload(identity, timestamp)
      const identifier = { type: 'm.id.user', user: address }
      const answer = await rest.post(LOGIN, { type: 'm.login.decentraland', identifier, timestamp, auth_chain })
      expect(answer.status).toBe(200)
    }
  })
})
