import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { RateLimit } from '../../src/cluster/rate-limit.ts'
import type { Address } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import type { PairAction } from '../../src/domain/friendship.ts'
import { ActionLimits } from '../../src/friendships/action-limits.ts'
import { Friendships } from '../../src/friendships/friendships.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { LocalBus } from '../env/local-bus.ts'
import { Clock } from '../env/service.ts'
import { newUser, Stores } from '../storage/stores.ts'

function unlimited(name: string): RateLimit {
  return new RateLimit({ name, scope: 'test', perMinute: 1_000_000, counters: null, onLocal: () => {} })
}

describeEachDatabase('an action that is sent again', kind => {
  const clock = new Clock()
  let stores: Stores
  let friendships: Friendships
  let alice: Address
  let bob: Address
  /** What went over the bus. */
  const published: PairEvent[] = []

  beforeAll(async () => {
    stores = await Stores.open(kind)
    const bus = new LocalBus(() => {})
    bus.subscribe(event => {
      if (event.kind === 'pair') published.push(event)
    })
    friendships = new Friendships({
      friendships: stores.friendships(),
      log: stores.log,
      lists: stores.lists,
      closeness: stores.lists,
      onActed: () => {},
      settings: new SettingsStore(stores.db),
      bus,
      limits: new ActionLimits({
        ofUser: unlimited('user'),
        ofPair: unlimited('pair'),
        blocks: unlimited('blocks'),
        incoming: unlimited('incoming')
      }),
      maxMessageLength: 100,
      now: clock.now
    })
  })
  afterAll(() => stores[Symbol.asyncDispose]())
  beforeEach(() => {
    alice = newUser()
    bob = newUser()
    published.length = 0
  })

  const act = (actor: Address, action: PairAction, message: string | null = null): Promise<PairEvent> => {
    clock.at += 1
    return friendships.act({ actor, target: actor === alice ? bob : alice, action, message })
  }

  test('is answered with its event, as it is in the log', async () => {
    const actions: [actor: Address, action: PairAction, message: string | null][] = [
      [alice, 'request', 'hi'],
      [alice, 'cancel', null],
      [alice, 'request', null],
      [bob, 'reject', null],
      [bob, 'request', ''],
      [alice, 'accept', null],
      [bob, 'delete', null],
      [alice, 'block', null],
      [alice, 'unblock', null]
    ]
    const events: PairEvent[] = []
    for (const action of actions) {
      const event = await act(...action)
      expect(await act(...action)).toEqual(event)
      events.push(event)
    }
    expect(events.map(({ previous }) => previous)).toEqual([
      'none',
      'requested',
      'canceled',
      'requested',
      'rejected',
      'requested',
      'accepted',
      'deleted',
      'deleted'
    ])
    expect(events.map(({ previousActor }) => previousActor)).toEqual([
      null,
      ...actions.slice(0, -1).map(([who]) => who)
    ])
    expect(published).toEqual(events)
    expect((await stores.events()).filter(({ actor }) => actor === alice || actor === bob)).toEqual(events)
  })

  test('is answered with the time of the first block, when the other has blocked back since', async () => {
    await act(alice, 'request', 'hi')
    const first = await act(alice, 'block')
    const back = await act(bob, 'block')
    expect(await act(alice, 'block')).toEqual({
      ...first,
      seq: back.seq,
      previous: 'deleted',
      previousActor: bob
    })
    expect(published).toHaveLength(3)
  })

  test('is answered with what is there, when nobody was blocked', async () => {
    const nothing = { kind: 'pair', actor: bob, target: alice, action: 'unblock', message: null }
    expect(await act(bob, 'unblock')).toEqual({ ...nothing, seq: 0, previous: 'none', previousActor: null, at: 0 })
    const request = await act(alice, 'request', 'hi')
    const { seq, at } = request
    expect(await act(bob, 'unblock')).toEqual({ ...nothing, seq, previous: 'requested', previousActor: alice, at })
    expect(published).toEqual([request])
  })

  test('is answered with what is there, when its event is in the log no more', async () => {
    await act(alice, 'request', 'hi')
    const accept = await act(bob, 'accept')
    await stores.query('delete from pair_event where seq = $1', [accept.seq])
    expect(await act(bob, 'accept')).toEqual({ ...accept, previous: 'accepted', previousActor: bob })
  })
})
