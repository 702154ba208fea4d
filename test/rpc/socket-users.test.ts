import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { UserLimits } from '../../src/admission/user-limits.ts'
import type { Address } from '../../src/domain/address.ts'
import { Multimap } from '../../src/lib/multimap.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { SocketUsers } from '../../src/rpc/socket-users.ts'

const someone = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}` as Address

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function start() {
  const presence = new LocalPresence(0)
  const limits = new UserLimits({ connections: 2, callsPerSecond: 1, requests: 1 })
  const sockets = new Multimap<Address, SocketUsers>()
  const client = { ask: async () => true, close: () => undefined }
  const open = () => new SocketUsers(client, null, { presence, limits, heartbeatMs: 120_000, sockets })
  return { presence, limits, sockets, open }
}

it('a user is online while the socket is there, however often they are seen on it', () => {
  const { presence, open } = start()
  const users = open()
  users.add(someone(1), null)
  users.add(someone(1), null)
  expect(presence.isOnline(someone(1))).toBe(true)
  users.dispose()
  users.dispose()
  vi.advanceTimersByTime(1)
  expect(presence.isOnline(someone(1))).toBe(false)
})

it('who is seen when the socket is gone already is not online, and takes no place', () => {
  const { presence, open } = start()
  for (let count = 0; count < 5; count += 1) {
    const gone = open()
    gone.dispose()
    gone.add(someone(1), null)
  }
  vi.advanceTimersByTime(1)
  expect(presence.isOnline(someone(1))).toBe(false)
  expect(() => open().add(someone(1), null)).not.toThrow()
})

it('one socket keeps eight users online at most', () => {
  const { presence, open } = start()
  const users = open()
  const everybody = Array.from({ length: 10 }, (_, at) => someone(at + 1))
  for (const user of everybody) users.add(user, null)
  expect(everybody.filter(user => presence.isOnline(user))).toHaveLength(8)
})

it('a user is let go of when the session ends by which they were seen last, and no other', () => {
  const { presence, sockets, open } = start()
  const users = open()
  const end = (...tokenHashes: string[]) => {
    users.sessionsEnded({ kind: 'sessions-ended', address: someone(1), tokenHashes })
    vi.advanceTimersByTime(1)
  }
  users.add(someone(1), Buffer.from('aa', 'hex'))
  users.add(someone(1), Buffer.from('bb', 'hex'))
  end('aa')
  expect(presence.isOnline(someone(1))).toBe(true)
  end('cc', 'bb')
  expect(presence.isOnline(someone(1))).toBe(false)
  expect(sockets.values()).toEqual([])
  users.add(someone(1), Buffer.from('dd', 'hex'))
  expect([presence.isOnline(someone(1)), sockets.values()]).toEqual([true, [users]])
})

it('a user who is known by the socket is there until it is gone', () => {
  const { presence, sockets, open } = start()
  const users = open()
  users.add(someone(1), null)
  users.sessionsEnded({ kind: 'sessions-ended', address: someone(1), tokenHashes: ['aa', ''] })
  vi.advanceTimersByTime(1)
  expect(presence.isOnline(someone(1))).toBe(true)
  users.dispose()
  expect(sockets.values()).toEqual([])
})

it('of sockets that are silent the oldest makes room for the newest, when even with those there are too many', async () => {
  const { presence, limits, sockets } = start()
  const closed: string[] = []
  const open = (name: string): SocketUsers => {
    const client = {
      ask: () => new Promise<boolean>(() => undefined),
      close: ({ code }: { code: number }) => {
        closed.push(`${name} ${code}`)
        users.dispose()
      }
    }
    const users = new SocketUsers(client, null, { presence, limits, heartbeatMs: 120_000, sockets })
    return users
  }
  const enter = async (name: string): Promise<void> => {
    const users = open(name)
    const room = users.makeRoom(someone(1))
    await vi.advanceTimersByTimeAsync(1_001)
    await room
    users.add(someone(1), null)
  }
  for (let count = 1; count <= 6; count += 1) await enter(`${count}`)
  expect(closed).toEqual([])
  for (let count = 7; count <= 20; count += 1) await enter(`${count}`)
  expect(closed).toEqual(Array.from({ length: 14 }, (_, at) => `${at + 1} 1013`))
  expect(sockets.values().length).toBe(6)
})
