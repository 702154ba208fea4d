import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ChannelMessage } from '../../src/cluster/channel.ts'
import type { Address } from '../../src/domain/address.ts'
import { ClusterPresence } from '../../src/presence/cluster-presence.ts'
import type { FriendIndex } from '../../src/presence/friend-index.ts'
import { LocalPresence } from '../../src/presence/local-presence.ts'
import { BEAT_MS, GRACE_MS, pass, userOf, Wire, Wires } from './presence-world.ts'

const [alice, bob, stranger] = [userOf(11), userOf(12), userOf(13)]

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** An instance of which a test says who is watched there. */
class Place {
  readonly presence: ClusterPresence
  readonly local = new LocalPresence(GRACE_MS)
  readonly watched = new Map<Address, 'watch' | 'locate'>()
  readonly changes: string[] = []
  readonly received: ChannelMessage[] = []
  readonly #watchers = new Set<Address>()
  #index: Parameters<FriendIndex['listen']>[0] | null = null

  constructor(name: string, wires: Wires, friends: ReadonlyMap<Address, readonly Address[]>) {
    const channel = new Wire(wires)
    const { directory } = channel.optionsOf(name, {})
    channel.subscribe(message => {
      if (message.kind !== 'messages-lost') this.received.push(message)
    })
    this.presence = new ClusterPresence({
      instance: name,
      local: this.local,
      countLocal: () => this.local.size,
      channel,
      directory,
      friendIndex: {
        closenessTo: user => this.watched.get(user) ?? null,
        isWatching: user => this.#watchers.has(user),
        friendsOf: async user => friends.get(user) ?? [],
        listen: listener => {
          this.#index = listener
          return () => undefined
        }
      },
      graceMs: GRACE_MS,
      beatMs: BEAT_MS,
      onMessage: () => undefined
    })
    this.presence.onChange((user, online) => this.changes.push(`${Number(user)} ${online ? 'online' : 'offline'}`))
  }

  watch(watcher: Address, friend: Address, closeness: 'watch' | 'locate' = 'watch'): void {
    this.#watchers.add(watcher)
    this.#index?.userChanged(watcher)
    this.watched.set(friend, closeness)
    this.#index?.watched(watcher, [friend], false)
  }

  unwatch(friend: Address): void {
    this.watched.delete(friend)
    this.#index?.unwatched(friend)
  }

  /** What was said of users, beside that instances are alive. */
  get heard(): string {
    return JSON.stringify(this.received.filter(({ kind }) => kind !== 'presence-beat'))
  }
}

function start() {
  const wires = new Wires()
  const friends = new Map([
    [alice, [bob]],
    [bob, [alice]]
  ])
  return { wires, here: new Place('here', wires, friends), there: new Place('there', wires, friends) }
}

describe('an instance', () => {
  it('holds and hears nothing of users whom nobody watches there, but how many they are', async () => {
    const { here, there } = start()
    for (const user of [bob, stranger]) there.local.connect(user)
    here.local.connect(alice)
    here.watch(alice, bob)
    await pass(2 * BEAT_MS)
    expect([here.presence.isOnline(bob), here.presence.isOnline(stranger)]).toEqual([true, false])
    expect(here.presence.size).toBe(3)
    expect(here.heard).toContain(bob)
    expect(here.heard).not.toContain(stranger)
  })

  it('is told of a friend who comes later, also one whose client watches nobody', async () => {
    const { here, there } = start()
    here.watch(alice, bob)
    await pass(2 * BEAT_MS)
    const leave = there.local.connect(bob)
    await pass(500)
    expect(here.changes).toEqual(['12 online'])
    leave()
    await pass(GRACE_MS + 1000)
    expect(here.changes).toEqual(['12 online', '12 offline'])
  })

  it('hears no more of a user whose last watcher is gone, and knows them again with the next', async () => {
    const { here, there } = start()
    there.local.connect(bob)
    here.watch(alice, bob)
    await pass(500)
    here.unwatch(bob)
    await pass(BEAT_MS + 100)
    expect(here.presence.known).toBe(0)
    here.received.length = 0
    there.local.connect(bob)()
    await pass(500)
    expect(here.heard).not.toContain(bob)
    here.watch(alice, bob)
    await pass(500)
    expect(here.presence.isOnline(bob)).toBe(true)
  })

  it('learns of a user again who is watched anew at the moment at which they were given up', async () => {
    const { here, there } = start()
    there.local.connect(bob)
    here.watch(alice, bob)
    await pass(500)
    here.unwatch(bob)
    vi.advanceTimersByTime(BEAT_MS - 500)
    here.watch(alice, bob)
    const settled = here.presence.settle([bob])
    await pass(2 * BEAT_MS)
    await settled
    expect(here.presence.isOnline(bob)).toBe(true)
  })

  it('is asked where its users are only by those who want to know that', async () => {
    const { here, there } = start()
    const located: string[] = []
    there.presence.onLocate((user, instance) => located.push(`${Number(user)} ${instance}`))
    there.local.connect(bob)
    here.watch(alice, bob)
    await pass(500)
    expect([there.presence.locatorsOf(bob), located]).toEqual([[], []])
    here.watch(alice, bob, 'locate')
    await pass(500)
    expect([there.presence.locatorsOf(bob), located]).toEqual([['here'], ['12 here']])
  })

  it('can ask once for somebody whom nobody watches', async () => {
    const { here, there } = start()
    there.local.connect(stranger)
    await pass(BEAT_MS + 100)
    const settled = here.presence.settle([stranger, bob])
    await pass(250)
    await settled
    expect([here.presence.isOnline(stranger), here.presence.isOnline(bob)]).toEqual([true, false])
    await pass(BEAT_MS + 100)
    expect(here.presence.known).toBe(0)
  })
})
