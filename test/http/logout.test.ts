import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Env } from '../env/app.ts'
import { Rest, startService } from '../env/rest.ts'

/** How long a body takes, in milliseconds: long enough for a logout that waits for nothing, and less than one waits at most. */
const SLOW_MS = 1_000

let env: Env
let rest: Rest

beforeAll(async () => {
  env = await startService()
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

/** Has begun to send settings, whose end `finish` sends. */
async function beginRequest(token: string): Promise<{ answered: Promise<number>; finish: () => void }> {
  const body = Buffer.from(JSON.stringify({ config: { friends: 'EVERYONE', friendsCount: 'EVERYONE' } }))
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': body.length,
    expect: '100-continue'
  }
  const put = request(`${env.app.httpUrl}/v1/account/config`, { method: 'PUT', headers })
  put.flushHeaders()
  const answered = once(put, 'response').then(([response]) => {
    response.resume()
    return response.statusCode as number
  })
  await once(put, 'continue')
  return { answered, finish: () => void put.end(body) }
}

test.each(['logout', 'logout/all'])('a %s waits for what came before it with the same token', async logout => {
  const user = await rest.login()
  const { answered, finish } = await beginRequest(user.rest.token ?? '')
  const order: string[] = []
  const put = answered.then(status => order.push(`settings ${status}`))
  const ended = user.rest.post(`/_matrix/client/v3/${logout}`).then(({ status }) => order.push(`logout ${status}`))
  await Promise.race([ended, new Promise(resolve => setTimeout(resolve, SLOW_MS))])
  finish()
  await Promise.all([put, ended])
  expect(order).toEqual(['settings 200', 'logout 200'])
  expect((await user.rest.get('/v1/friendships/me')).status).toBe(401)
})

test('a logout waits for no other session of the user, and for no other logout', async () => {
  const user = await rest.login()
  const tablet = await rest.login(user)
  const { answered, finish } = await beginRequest(tablet.rest.token ?? '')
  const both = [user.rest.post('/_matrix/client/v3/logout'), user.rest.post('/_matrix/client/v3/logout')]
  const statuses = (await Promise.all(both)).map(({ status }) => status)
  // The second may find the session over.
  expect(statuses).toContain(200)
  finish()
  expect(await answered).toBe(200)
})
