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
    }
  }
  const activeSessions = (): { address: Address; tokenHash: string }[] => []
  const onForeignUser = (): void => {}
  const deps = { homeserver, bus, tokenKey: 'k'.repeat(32), cacheSize: 100, activeSessions, onForeignUser }
  const sessions = Array.from({ length: count }, () => new PassthroughSessions(deps))
  return { sessions, users, lookups, bus }
}

test('ends a session on all instances', async () => {
  const { sessions, users } = instances(2)
  const [here, there] = sessions as [PassthroughSessions, PassthroughSessions]
  for (const instance of sessions) {
    for (const token of users.keys()) await instance.authenticate(token)
  }
  const ended = await here.authenticate('alice-1')
  users.delete('alice-1')
  expect((await there.authenticate('alice-1')).address).toBe(ALICE)
  here.announceEnd(ended)
  for (const instance of sessions) {
    await expect(instance.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
    expect((await instance.authenticate('alice-2')).address).toBe(ALICE)
  }
})

test('ends all sessions of a user on all instances, also those that one of them never saw', async () => {
  const { sessions, users, lookups, bus } = instances(2)
  const [here, there] = sessions as [PassthroughSessions, PassthroughSessions]
  const { address } = await here.authenticate('alice-1')
  const { tokenHash } = await there.authenticate('alice-2')
  await there.authenticate('bob-1')
  const ended: string[] = []
  bus.subscribe(event => {
    if (event.kind === 'sessions-ended') ended.push(...event.tokenHashes)
  })
  users.delete('alice-1')
  users.delete('alice-2')
  here.announceEndOfAll(address)
  await expect(there.authenticate('alice-2')).rejects.toMatchObject({ code: 'unauthorized' })
  // So that streams which live by it end too.
  expect(ended).toContain(tokenHash.toString('hex'))
  lookups.length = 0
  expect((await there.authenticate('bob-1')).address).toBe(BOB)
  expect(lookups).toEqual([])
})

test('forgets at the end of a session what the homeserver said before', async () => {
  const { sessions, users, lookups } = instances(1)
  const [only] = sessions as [PassthroughSessions]
  const pending = only.authenticate('alice-1')
  users.delete('alice-1')
  only.announceEndOfAll(ALICE)
  await pending
  await expect(only.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
  expect(lookups).toEqual(['alice-1', 'alice-1'])
})
