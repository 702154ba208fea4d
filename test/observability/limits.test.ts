import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Env } from '../env/app.ts'
import { metric } from '../env/metric.ts'
import { befriend, type LoggedIn, Rest, startService, statePath } from '../env/rest.ts'
import { newUser } from '../storage/stores.ts'

let env: Env
let rest: Rest
beforeAll(async () => {
  env = await startService({
    MAX_FRIENDS: '1',
    MAX_PENDING_REQUESTS: '2',
    MAX_INCOMING_REQUESTS: '1',
    INCOMING_REQUESTS_PER_MINUTE: '3',
    PAIR_ACTIONS_PER_MINUTE: '3',
    MAX_MUTES: '2',
    MUTES_PER_MINUTE: '4',
    SETTINGS_PER_MINUTE: '2',
    CALLS_PER_SECOND: '10'
  })
  rest = new Rest(env.app.httpUrl)
})
afterAll(() => env.stop())

const act = async (from: LoggedIn, to: LoggedIn, type: string): Promise<number> =>
  (await from.rest.put(statePath(from.address, to.address), { type })).status

const changeMute = async (user: LoggedIn, method: string): Promise<number> =>
  (await user.rest.send(method, '/v1/mutes', { json: { muted_address: newUser() } })).status
const mute = (user: LoggedIn): Promise<number> => changeMute(user, 'POST')
const unmute = (user: LoggedIn): Promise<number> => changeMute(user, 'DELETE')

/** How many refusals by a limit are counted, until now. */
const refusals = (limit: string): Promise<number> =>
  metric(env.app.httpUrl, 'metrics', `social_limits_reached_total{limit="${limit}"}`)

const users = (count: number): Promise<LoggedIn[]> => Promise.all(Array.from({ length: count }, () => rest.login()))

it.each<[string, () => Promise<unknown>]>([
  [
    'friends',
    async () => {
      const [alice, bob, carol] = (await users(3)) as [LoggedIn, LoggedIn, LoggedIn]
      await befriend(alice, bob)
      expect(await act(carol, alice, 'request')).toBe(200)
      expect(await act(alice, carol, 'accept')).toBe(429)
    }
  ],
  [
    'outgoing',
    async () => {
      const [alice, ...others] = (await users(4)) as [LoggedIn, LoggedIn, LoggedIn, LoggedIn]
      const statuses = []
      for (const other of others) statuses.push(await act(alice, other, 'request'))
      expect(statuses).toEqual([200, 200, 429])
    }
  ],
  [
    'incoming',
    async () => {
      const [alice, bob, carol] = (await users(3)) as [LoggedIn, LoggedIn, LoggedIn]
      expect([await act(bob, alice, 'request'), await act(carol, alice, 'request')]).toEqual([200, 429])
    }
  ],
  [
    'incoming-requests',
    async () => {
      const [alice, ...others] = (await users(5)) as [LoggedIn, ...LoggedIn[]]
      for (const other of others.slice(0, 3)) {
        expect(await act(other, alice, 'request')).toBe(200)
        expect(await act(other, alice, 'cancel')).toBe(200)
      }
      expect(await act(others[3]!, alice, 'request')).toBe(429)
    }
  ],
  [
    'pair-actions',
    async () => {
      const [alice, bob] = (await users(2)) as [LoggedIn, LoggedIn]
      for (const type of ['request', 'cancel', 'request']) expect(await act(alice, bob, type)).toBe(200)
      expect(await act(alice, bob, 'cancel')).toBe(429)
    }
  ],
  [
    'settings',
    async () => {
      const alice = await rest.login()
      const change = async () => (await alice.rest.put('/v1/account/config', { config: {} })).status
      expect([await change(), await change(), await change()]).toEqual([200, 200, 429])
    }
  ],
  [
    'muted',
    async () => {
      const alice = await rest.login()
      expect([await mute(alice), await mute(alice), await mute(alice)]).toEqual([204, 204, 429])
    }
  ],
  [
    'mutes',
    async () => {
      const alice = await rest.login()
      for (let time = 0; time < 4; time += 1) expect(await unmute(alice)).toBe(204)
      expect([await unmute(alice), await mute(alice)]).toEqual([429, 429])
    }
  ],
  [
    'user-calls',
    async () => {
      const alice = await rest.login()
      const calls = Array.from({ length: 150 }, async () => (await alice.rest.get('/v1/account/config')).status)
      expect(await Promise.all(calls)).toContain(429)
    }
  ]
])('a refusal is counted by the limit that was reached: %s', async (limit, reach) => {
  expect(await refusals(limit)).toBe(0)
  await reach()
  expect(await refusals(limit)).toBeGreaterThan(0)
})
