import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { UnitedPresence } from '../../src/presence/united-presence.ts'
import { pass, userOf } from './presence-world.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const [alice, bob] = [userOf(1), userOf(2)]

it('a user is online once by several sources, and goes with the last of them', async () => {
  const [one, other] = [new LocalPresence(0), new LocalPresence(0)]
  const united = new UnitedPresence([one, other])
  const changes: string[] = []
  united.onChange((user, online) => changes.push(`${Number(user)} ${online ? 'online' : 'offline'}`))
  const leaves = [one.connect(alice), other.connect(alice), other.connect(bob)]
  expect(changes).toEqual(['1 online', '2 online'])
  expect([united.size, united.isOnline(alice), united.isOnline(bob)]).toEqual([2, true, true])
  leaves[0]?.()
  await pass(1)
  expect(changes).toHaveLength(2)
  leaves[1]?.()
  await pass(1)
  expect(changes).toEqual(['1 online', '2 online', '1 offline'])
  expect([united.size, united.isOnline(alice), united.isOnline(bob)]).toEqual([1, false, true])
})
