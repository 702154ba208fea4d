import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../env/app.ts'
import { type LoggedIn, Rest, startService } from '../../env/rest.ts'
import { newUser, newUsers } from '../../storage/stores.ts'

const PATH = '/v1/mutes'

let env: Env
let rest: Rest
let alice: LoggedIn
beforeAll(async () => {
  env = await startService({ MAX_ANSWER_SIZE: '64kb' })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const upper = (address: string): string => `0x${address.slice(2).toUpperCase()}`
const change = (method: 'POST' | 'DELETE', muted_address: unknown, user = alice) =>
  user.rest.send(method, PATH, { json: { muted_address } })
const addresses = async (query = ''): Promise<string[]> =>
  (await alice.rest.get(PATH + query)).body.data.results.map(({ address }: { address: string }) => address)

describe('mutes', () => {
  beforeAll(async () => {
    alice = await rest.login()
  })

  it("begin and end, are listed latest first, and are nobody else's", async () => {
    const empty = { results: [], total: 0, page: 1, pages: 0, limit: 100 }
    expect((await alice.rest.get(PATH)).body).toEqual({ data: empty })
    const [bob, carol] = [newUser(), newUser()]
    for (const each of [bob, upper(carol)]) {
      expect(await change('POST', each)).toMatchObject({ status: 204, text: '' })
    }
    const { body } = await alice.rest.get(PATH)
    expect(body).toEqual({
      data: {
        results: [carol, bob].map(address => ({ address, muted_at: expect.stringMatching(/^\d{4}-.+Z$/) })),
        total: 2,
        page: 1,
        pages: 1,
        limit: 100
      }
    })
    expect(await change('POST', bob)).toMatchObject({ status: 204 })
    expect((await alice.rest.get(PATH)).body).toEqual(body)
    expect((await (await rest.login()).rest.get(PATH)).body).toEqual({ data: empty })
    for (const each of [upper(bob), bob, carol]) expect(await change('DELETE', each)).toMatchObject({ status: 204 })
    expect((await alice.rest.get(PATH)).body).toEqual({ data: empty })
  })

  it.each<[string, unknown]>([
    ['that is none', 'not-an-address'],
    ['that is empty', ''],
    ['of a Matrix user', '@0x0000000000000000000000000000000000000001:localhost'],
    ['with NUL', `${newUser()}\0`],
    ['that is absent', undefined],
    ['that is a number', 1]
  ])('are of nobody whose address is one %s', async (_, address) => {
    for (const method of ['POST', 'DELETE'] as const) {
      expect(await change(method, address)).toMatchObject({ status: 400, body: { code: 400, error: 'Bad Request' } })
    }
  })

  it('are never of oneself', async () => {
    for (const spelled of [alice.address, upper(alice.address)]) {
      expect(await change('POST', spelled)).toMatchObject({
        status: 400,
        body: { message: 'You cannot mute yourself' }
      })
    }
    expect((await change('DELETE', alice.address)).status).toBe(204)
  })

  it('may come as any type of content, or none', async () => {
    const text = JSON.stringify({ muted_address: newUser() })
    for (const type of ['text/plain', 'application/json; charset=utf-8']) {
      const headers = { 'content-type': type }
      expect((await alice.rest.send('POST', PATH, { text, headers })).status).toBe(204)
      expect((await alice.rest.send('DELETE', PATH, { text, headers })).status).toBe(204)
    }
    for (const text of ['', '{', '[]', 'null']) {
      expect((await alice.rest.send('POST', PATH, { text })).status).toBe(400)
    }
  })

  it('need a token or a signature', async () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      expect((await rest.send(method, PATH)).status).toBe(400)
      expect((await rest.as('made-up').send(method, PATH)).status).toBe(401)
    }
  })
})

describe('a list of mutes', () => {
  const muted = newUsers(5)
  beforeAll(async () => {
    alice = await rest.login()
    for (const address of muted) await change('POST', address)
  })

  it('comes in pages', async () => {
    const place = async (query: string) => {
      const { results, ...rest } = (await alice.rest.get(PATH + query)).body.data
      return { count: results.length, ...rest }
    }
    expect(await place('?limit=2')).toEqual({ count: 2, total: 5, page: 1, pages: 3, limit: 2 })
    expect(await place('?limit=2&offset=2')).toEqual({ count: 2, total: 5, page: 2, pages: 3, limit: 2 })
    expect(await place('?limit=2&offset=4')).toEqual({ count: 1, total: 5, page: 3, pages: 3, limit: 2 })
    expect(await place('?limit=2&offset=99')).toMatchObject({ count: 0, total: 5 })
    for (const nonsense of ['?limit=0', '?limit=-1', '?limit=x&offset=-1', '?limit=&offset=1e999', '?offset=NaN']) {
      const { limit, total } = await place(nonsense)
      expect([nonsense, limit, total]).toEqual([nonsense, 100, 5])
    }
    const pages = [await addresses('?limit=3'), await addresses('?limit=3&offset=3')]
    expect(pages.flat().sort()).toEqual([...muted].sort())
  })

  it('may be of some users alone', async () => {
    const [first = '', second = ''] = muted
    expect(await addresses(`?address=${upper(first)}`)).toEqual([first])
    expect(await addresses(`?address=${newUser()}`)).toEqual([])
    expect((await addresses(`?addresses=${first}&addresses=${second}&addresses=${newUser()}`)).sort()).toEqual(
      [first, second].sort()
    )
    expect(await addresses(`?addresses=${first}`)).toEqual([first])
    expect(await addresses(`?address=${first}&addresses=${second}`)).toEqual([first])
    expect(await addresses('?address=nobody')).toEqual([])
    expect(await addresses('?address=&addresses=')).toHaveLength(5)
  })
})

it('a list of mutes is no larger than an answer may be', async () => {
  alice = await rest.login()
  const all = newUsers(700)
  for (let from = 0; from < all.length; from += 50) {
    const answers = await Promise.all(all.slice(from, from + 50).map(address => change('POST', address)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]))
  }
  const seen = new Set<string>()
  while (seen.size < all.length) {
    const { text, body } = await alice.rest.get(`${PATH}?limit=1000&offset=${seen.size}`)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(64 * 1024)
    expect(body.data.total).toBe(all.length)
    const before = seen.size
    for (const { address } of body.data.results) seen.add(address)
    expect(seen.size).toBeGreaterThan(before)
  }
})
