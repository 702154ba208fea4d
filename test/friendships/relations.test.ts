import { expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { RelationCache } from '../../src/friendships/relations.ts'
import { LocalBus } from '../env/local-bus.ts'
import { newAddress } from '../matrix/homeserver.ts'

const [ALICE, BOB] = [newAddress(), newAddress()]
const block = { kind: 'pair', action: 'block', actor: ALICE, target: BOB } as unknown as PairEvent

/** A cache over lists that a test changes, with the number of times that they were read. */
function start() {
  const state = { friends: [BOB] as Address[], reads: 0, onRead: async () => {} }
  const bus = new LocalBus(error => {
    throw error
  })
  const relations = new RelationCache({
    lists: {
      friends: async () => {
        state.reads += 1
        const items = state.friends
        await state.onRead()
        return { items, total: items.length }
      }
    },
    blocks: { blocked: async () => ({ items: [], total: 0 }) },
    bus,
    maxFriends: 10
  })
  const friends = async () => [...(await relations.of(ALICE)).friends]
  return { state, bus, relations, friends }
}

test('the relations of a user are read once, for all who want them at a time', async () => {
  const { state, friends } = start()
  expect(await Promise.all([friends(), friends()])).toEqual([[BOB], [BOB]])
  expect(await friends()).toEqual([BOB])
  expect(state.reads).toBe(1)
})

test.each([
  ['the user who made it', 'changed'],
  ['another instance', 'bus']
])('a change counts at once for %s', async (_, by) => {
  const { state, bus, relations, friends } = start()
  await friends()
  state.friends = []
  if (by === 'bus') bus.publish(block)
  else relations.changed(block)
  expect(await friends()).toEqual([])
})

test('a user is followed for as long as their relations are kept', async () => {
  const { state, bus, relations, friends } = start()
  await friends()
  expect(bus.followed.get(ALICE).size).toBe(1)
  relations.changed(block)
  expect(bus.followed.get(ALICE).size).toBe(0)
  state.onRead = () => Promise.reject(new Error('The database is away'))
  await expect(friends()).rejects.toThrow('away')
  expect(bus.followed.get(ALICE).size).toBe(0)
})

test('what was read while something changed is not kept', async () => {
  const { state, relations, friends } = start()
  state.onRead = async () => {
    state.onRead = async () => {}
    state.friends = []
    relations.changed(block)
  }
  await friends()
  expect(await friends()).toEqual([])
})
