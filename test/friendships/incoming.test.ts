import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Env } from '../env/app.ts'
import { act, befriend, type LoggedIn, Rest, startService, statePath } from '../env/rest.ts'

const PER_MINUTE = 30

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService({ INCOMING_REQUESTS_PER_MINUTE: `${PER_MINUTE}` })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

/** Sends a request. @returns the status of the answer */
async function request(from: LoggedIn, to: LoggedIn): Promise<number> {
  return (await from.rest.put(statePath(from.address, to.address), { type: 'request' })).status
}

test('forty new wallets at once do not bury a user, who still asks and answers', async () => {
  const bob = await rest.login()
  const wallets = await Promise.all(Array.from({ length: 40 }, () => rest.login()))
  const statuses = await Promise.all(wallets.map(wallet => request(wallet, bob)))
  expect(statuses.filter(status => status === 200)).toHaveLength(PER_MINUTE)
  expect(statuses.filter(status => status === 429)).toHaveLength(40 - PER_MINUTE)
  expect((await bob.rest.get('/v1/friendships/me/requests')).body.incoming).toHaveLength(PER_MINUTE)

  await act(bob, wallets[statuses.indexOf(200)]!, 'accept')
  const carol = await rest.login()
  expect(await request(bob, carol)).toBe(200)
  expect(await request(wallets[0]!, carol)).toBe(200)
})

test('what is no request, or one that was sent twice, takes nothing from those who may ask', async () => {
  const [bob, friend, carol] = [await rest.login(), await rest.login(), await rest.login()]
  await befriend(friend, bob)
  for (let i = 0; i < PER_MINUTE; i++) {
    expect(await request(friend, bob)).toBe(400)
    expect(await request(carol, bob)).toBe(200)
  }
  expect(await request(await rest.login(), bob)).toBe(200)
})
