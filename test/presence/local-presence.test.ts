import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'

const alice = `0x${'a'.repeat(40)}` as Address
const bob = `0x${'b'.repeat(40)}` as Address
const GRACE_MS = 5000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function start() {
  const presence = new LocalPresence(GRACE_MS)
  const changes: string[] = []
  const name = new Map([
    [alice, 'alice'],
    [bob, 'bob']
  ])
  const stop = presence.onChange((address, online) =>
    changes.push(`${name.get(address)} ${online ? 'online' : 'offline'}`)
  )
  return { presence, changes, stop }
}

it('a user is online from the first connection until the grace after the last one is over', () => {
  const { presence, changes } = start()
  expect(presence.isOnline(alice)).toBe(false)
  const [laptop, phone] = [presence.connect(alice), presence.connect(alice)]
  expect(changes).toEqual(['alice online'])
  laptop()
  vi.advanceTimersByTime(2 * GRACE_MS)
  expect(presence.isOnline(alice)).toBe(true)
  phone()
  vi.advanceTimersByTime(GRACE_MS - 1)
  expect(presence.isOnline(alice)).toBe(true)
  expect(changes).toEqual(['alice online'])
  vi.advanceTimersByTime(1)
  expect(presence.isOnline(alice)).toBe(false)
  expect(changes).toEqual(['alice online', 'alice offline'])
})

it('a reconnect within the grace is silent, and a later leave has the whole grace', () => {
  const { presence, changes } = start()
  presence.connect(alice)()
  vi.advanceTimersByTime(GRACE_MS - 1)
  const leave = presence.connect(alice)
  vi.advanceTimersByTime(GRACE_MS)
  leave()
  vi.advanceTimersByTime(GRACE_MS - 1)
  expect(changes).toEqual(['alice online'])
  vi.advanceTimersByTime(1)
  expect(changes).toEqual(['alice online', 'alice offline'])
})

it('a connection that is closed twice counts once', () => {
  const { presence, changes } = start()
  const leave = presence.connect(alice)
  presence.connect(alice)
  leave()
  leave()
  vi.advanceTimersByTime(2 * GRACE_MS)
  expect(presence.isOnline(alice)).toBe(true)
  expect(changes).toEqual(['alice online'])
})

it('users are counted apart', () => {
  const { presence, changes } = start()
  presence.connect(alice)
  presence.connect(bob)()
  vi.advanceTimersByTime(GRACE_MS)
  expect([presence.isOnline(alice), presence.isOnline(bob)]).toEqual([true, false])
  expect(changes).toEqual(['alice online', 'bob online', 'bob offline'])
})

it('a listener that unsubscribed is not called, and no timer is left after the end', () => {
  const { presence, changes, stop } = start()
  presence.connect(bob)()
  stop()
  presence.connect(alice)
  expect(changes).toEqual(['bob online'])
  presence.close()
  expect(vi.getTimerCount()).toBe(0)
})

it('ten thousand users who come and go leave nothing behind', () => {
  const { presence, changes } = start()
  for (let cycle = 0; cycle < 10_000; cycle += 1) presence.connect(alice)()
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(GRACE_MS)
  expect(vi.getTimerCount()).toBe(0)
  expect(changes).toEqual(['alice online', 'alice offline'])
})
