import { expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { HomeserverError } from '../../src/matrix/client/errors.ts'
import { MatrixIds } from '../../src/matrix/client/ids.ts'
import { PassthroughSessions } from '../../src/sessions/passthrough-sessions.ts'
import { LocalBus } from '../env/local-bus.ts'

const ALICE = `0x${'a'.repeat(40)}` as Address
const BOB = `0x${'b'.repeat(40)}` as Address
const ids = new MatrixIds('localhost')

/** Instances over one bus and one homeserver, which counts how often it is asked. */
function instances(count: number) {
  const bus = new LocalBus(error => {
    throw error
  })
  const users = new Map([
    ['alice-1', ALICE],
    ['alice-2', ALICE],
    ['bob-1', BOB]
  ])
  const asked: string[] = []
  const homeserver = {
    ids,
    whoami: async (token: string) => {
      asked.push(token)
      const address = users.get(token)
      if (!address) throw new HomeserverError({ kind: 'unauthorized', operation: 'whoami' })
      return { userId: ids.userId(address), deviceId: token }
    }
  }
  const live = (): { address: Address; tokenHash: string }[] => []
  const parts = { homeserver, bus, tokenKey: 'k'.repeat(32), cacheSize: 100, live }
  const sessions = Array.from({ length: count }, () => new PassthroughSessions(parts))
  return { sessions, users, asked, bus }
}

test('a session that ends on one instance is over on all', async () => {
  const { sessions, users } = instances(2)
  const [here, there] = sessions as [PassthroughSessions, PassthroughSessions]
  for (const instance of sessions) {
    for (const token of users.keys()) await instance.authenticate(token)
  }
  const ended = await here.authenticate('alice-1')
  users.delete('alice-1')
  expect((await there.authenticate('alice-1')).address).toBe(ALICE)
  here.ended(ended)
  for (const instance of sessions) {
    await expect(instance.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
    expect((await instance.authenticate('alice-2')).address).toBe(ALICE)
  }
})

test('all sessions of a user end on all instances, also those that one of them never saw', async () => {
  const { sessions, users, asked, bus } = instances(2)
  const [here, there] = sessions as [PassthroughSessions, PassthroughSessions]
  const { address } = await here.authenticate('alice-1')
  const { tokenHash } = await there.authenticate('alice-2')
  await there.authenticate('bob-1')
  const told: string[] = []
  bus.subscribe(event => {
    if (event.kind === 'sessions-ended') told.push(...event.tokenHashes)
  })
  users.delete('alice-1')
  users.delete('alice-2')
  here.allEnded(address)
  await expect(there.authenticate('alice-2')).rejects.toMatchObject({ code: 'unauthorized' })
  // So that streams which live by it end too.
  expect(told).toContain(tokenHash.toString('hex'))
  asked.length = 0
  expect((await there.authenticate('bob-1')).address).toBe(BOB)
  expect(asked).toEqual([])
})

test('what the homeserver said before the end is not believed after it', async () => {
  const { sessions, users, asked } = instances(1)
  const [only] = sessions as [PassthroughSessions]
  const asking = only.authenticate('alice-1')
  users.delete('alice-1')
  only.allEnded(ALICE)
  await asking
  await expect(only.authenticate('alice-1')).rejects.toMatchObject({ code: 'unauthorized' })
  expect(asked).toEqual(['alice-1', 'alice-1'])
})
