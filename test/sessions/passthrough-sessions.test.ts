import { expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { HomeserverError } from '../../src/matrix/client/errors.ts'
import { MatrixIds } from '../../src/matrix/client/ids.ts'
import { PassthroughSessions } from '../../src/sessions/passthrough-sessions.ts'
import { LocalBus } from '../env/local-bus.ts'

const ALICE = `0x${'a'.repeat(40)}` as Address
const BOB = `0x${'b'.repeat(40)}` as Address
const ids = new MatrixIds('localhost')

/** Instances over one bus and one homeserver, which counts its calls. */
function instances(count: number) {
  const bus = new LocalBus(error => {
    throw error
  })
  const users = new Map([
    ['alice-1', ALICE],
    ['alice-2', ALICE],
    ['bob-1', BOB]
  ])
  const lookups: string[] = []
  const homeserver = {
    ids,
    whoami: async (token: string) => {
      lookups.push(token)
      const address = users.get(token)
      if (!address) throw new HomeserverError({ kind: 'unauthorized', operation: 'whoami' })
      return { userId: ids.userId(address), deviceId: token }
    },
    logout: async (token: string) => void users.delete(token),
    logoutAll: async (token: string) => {
      const owner = users.get(token)
      for (const [each, address] of users) if (address === owner) users.delete(each)
    }
  }
  const activeSessions = (): { address: Address; tokenHash: string }[] => []
  const onForeignUser = (): void => {}
  const deps = { homeserver, bus, tokenKey: 'k'.repeat(32), cacheSize: 100, activeSessions, onForeignUser }
  const sessions = Array.from({ length: count }, () => new PassthroughSessions(deps))
  return { sessions, homeserver, users, lookups, bus }
}

test('ends a session on all instances', async () => {
  const { sessions, users } = instances(2)
  const [here] = sessions as [PassthroughSessions, PassthroughSessions]
  for (const instance of sessions) {
    for (const token of users.keys()) await instance.authenticate(token)
  }
  await here.logout(await here.authenticate('alice-1'), 'alice-1')
  for (const instance of sessions) {
    await expect(instance.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
    expect((await instance.authenticate('alice-2')).address).toBe(ALICE)
  }
})

test('ends all sessions of a user on all instances, also those that one of them never saw', async () => {
  const { sessions, lookups, bus } = instances(2)
  const [here, there] = sessions as [PassthroughSessions, PassthroughSessions]
  const holder = await here.authenticate('alice-1')
  const { tokenHash } = await there.authenticate('alice-2')
  await there.authenticate('bob-1')
  const ended: string[] = []
  bus.subscribe(event => {
    if (event.kind === 'sessions-ended') ended.push(...event.tokenHashes)
  })
  await here.logoutAll(holder, 'alice-1')
  await expect(there.authenticate('alice-2')).rejects.toMatchObject({ code: 'unauthorized' })
  // So that streams which live by it end too.
  expect(ended).toContain(tokenHash.toString('hex'))
  lookups.length = 0
  expect((await there.authenticate('bob-1')).address).toBe(BOB)
  expect(lookups).toEqual([])
})

test('forgets at the end of a session what the homeserver said before', async () => {
  const { sessions, lookups } = instances(1)
  const [only] = sessions as [PassthroughSessions]
  const holder = await only.authenticate('alice-2')
  lookups.length = 0
  const pending = only.authenticate('alice-1')
  await only.logoutAll(holder, 'alice-2')
  await pending
  await expect(only.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
  expect(lookups).toEqual(['alice-1', 'alice-1'])
})

test.each([
  ['goes on when the homeserver refuses to end it', 'too_many_requests', { status: 429, code: 'M_LIMIT_EXCEEDED' }, 0],
  ['is looked up again when nobody knows whether it has ended', 'unavailable', { code: 'TIMEOUT' }, 1]
] as const)('a session %s', async (_, kind, refusal, expected) => {
  const { sessions, homeserver, lookups } = instances(1)
  const [only] = sessions as [PassthroughSessions]
  homeserver.logout = () => Promise.reject(new HomeserverError({ kind, operation: 'logout', ...refusal }))
  const holder = await only.authenticate('alice-1')
  lookups.length = 0
  await expect(only.logout(holder, 'alice-1')).rejects.toMatchObject({ kind })
  expect((await only.authenticate('alice-1')).address).toBe(ALICE)
  expect(lookups).toHaveLength(expected)
})
