import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orderedPair, parseAddress } from '../../src/domain/address.ts'
import { SocialError } from '../../src/domain/errors.ts'
import { decide, NO_PAIR, PAIR_ACTIONS, statusOf } from '../../src/domain/friendship.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, newUsers, Stores } from './stores.ts'

describeEachDatabase('The rows of pairs', kind => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open(kind, { poolSize: 20 })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const rowsOf = async (a: string, b: string): Promise<number> => {
    const { lo, hi } = orderedPair(parseAddress(a)!, parseAddress(b)!)
    const [row] = await stores.query<[number]>('select count(*) from pair where lo = $1 and hi = $2', [lo, hi])
    return row![0]
  }
  const countsOf = async (user: string) => {
    const [row] = await stores.query('select friends, outgoing from user_count where address = $1', [user])
    return row ?? [0, 0]
  }
  /** Codes of those that were refused. */
  const refusals = (results: PromiseSettledResult<unknown>[]): unknown[] =>
    results.flatMap(result => (result.status === 'rejected' ? [(result.reason as SocialError).code] : []))

  test('are one for two users, whichever comes first and in any letter case', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const shouted = parseAddress(alice.toUpperCase().replace('0X', '0x'))!
    await stores.act(alice, 'request', bob)
    await stores.act(bob, 'reject', shouted)
    await stores.act(bob, 'request', alice)
    await stores.act(shouted, 'accept', bob)
    expect(await rowsOf(alice, bob)).toBe(1)
    const store = stores.friendships()
    expect(await store.read(alice, bob)).toEqual(await store.read(bob, shouted))
    expect(statusOf(await store.read(alice, bob))).toBe('accepted')
    expect(await store.read(alice, newUser())).toEqual(NO_PAIR)
  })

  test('cannot be in the wrong order, nor of one user alone', async () => {
    const { lo, hi } = orderedPair(newUser(), newUser())
    const insert = (a: string, b: string) =>
      stores.query('insert into pair values ($1, $2, 1, 1, true, 0, null, null, null)', [a, b])
    await expect(insert(hi, lo)).rejects.toMatchObject({ code: '23514' })
    await expect(insert(lo, lo)).rejects.toMatchObject({ code: '23514' })
  })

  test('hold what happened last, and since when each blocks the other', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const store = stores.friendships()
    const event = await stores.act(alice, 'request', bob, { message: 'hi', at: 1_234 })
    expect(await store.read(bob, alice)).toEqual({
      version: event?.seq,
      lastAction: 'request',
      actor: alice,
      message: 'hi',
      at: 1_234,
      blockedBy: new Map()
    })
    await stores.act(alice, 'block', bob, { at: 2_000 })
    await stores.act(bob, 'block', alice, { at: 3_000 })
    expect((await store.read(alice, bob)).blockedBy).toEqual(new Map([[alice, 2_000]]).set(bob, 3_000))
    await stores.act(alice, 'unblock', bob, { at: 4_000 })
    const pair = await store.read(alice, bob)
    expect(pair).toMatchObject({ lastAction: 'unblock', actor: alice, message: null, at: 4_000 })
    expect(pair.blockedBy).toEqual(new Map([[bob, 3_000]]))
  })

  test('keep one time: that of the event, of the row, of the log and of the list', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const event = await stores.act(alice, 'request', bob, { at: 1_700_000_123_456 })
    expect(event?.at).toBe(1_700_000_123_456)
    expect((await stores.friendships().read(alice, bob)).at).toBe(event?.at)
    expect((await stores.events()).find(({ seq }) => seq === event?.seq)).toEqual(event)
    const listed = await stores.lists.requests(bob, 'incoming', { limit: 10, offset: 0 })
    expect(listed.items).toEqual([{ address: alice, seq: event?.seq, at: event?.at, message: null }])
  })

  test.each([
    ['of every character there is', 'a\0\u0001\u001b[31m\r\n\u007f\u202eabc\u200f\u2066 🙂\u0301'],
    ['that is empty', ''],
    ['that is long', '😀'.repeat(10_000)]
  ])('give back a message %s', async (_, message) => {
    const [alice, bob] = [newUser(), newUser()]
    const event = await stores.act(alice, 'request', bob, { message })
    expect(event?.message).toBe(message)
    expect((await stores.friendships().read(alice, bob)).message).toBe(message)
    expect((await stores.log.afterForTarget(bob, 0, 10))[0]?.message).toBe(message)
    expect((await stores.lists.requests(alice, 'outgoing', { limit: 1, offset: 0 })).items[0]?.message).toBe(message)
  })

  test.each(['a pair that is new', 'a pair that is known'])('swap for one of many callers: %s', async what => {
    const [alice, bob] = [newUser(), newUser()]
    const store = stores.friendships()
    if (what === 'a pair that is known') {
      await stores.act(alice, 'request', bob)
      await stores.act(alice, 'cancel', bob)
    }
    const before = await store.read(alice, bob)
    const earlier = (await stores.events()).length
    const swaps = Array.from({ length: 20 }, (_, i) => {
      const [actor, target] = i % 2 === 0 ? [alice, bob] : [bob, alice]
      const intent = { actor, target, action: 'request' as const, message: `${i}` }
      const decision = decide(before, intent, before.at + 60_000)
      if (decision.kind === 'unchanged') throw new Error('It must apply')
      return store.swap(intent, before, decision.next, decision.counts)
    })
    const won = (await Promise.all(swaps)).filter(event => event !== null)
    expect(won).toHaveLength(1)
    expect(await store.read(alice, bob)).toMatchObject({ version: won[0]?.seq, message: won[0]?.message })
    expect((await stores.events()).slice(earlier)).toEqual(won)
    expect([await countsOf(won[0]!.actor), await countsOf(won[0]!.target)]).toEqual([
      [0, 1],
      [0, 0]
    ])
  })

  test('let fifty requests at once through up to the limit, and no further', async () => {
    const alice = newUser()
    const limits = { friends: 100, outgoing: 30, incoming: 100 }
    const others = newUsers(50)
    const results = await Promise.allSettled(others.map(other => stores.act(alice, 'request', other, { limits })))
    expect(refusals(results)).toEqual(Array.from({ length: 20 }, () => 'too_many_requests'))
    expect(await countsOf(alice)).toEqual([0, 30])
    expect((await stores.lists.requests(alice, 'outgoing', { limit: 100, offset: 0 })).total).toBe(30)
    // What was refused left nothing behind.
    const [refused] = others.filter((_, i) => results[i]?.status === 'rejected')
    expect(await rowsOf(alice, refused!)).toBe(0)
    expect(await stores.log.afterForTarget(refused!, 0, 10)).toEqual([])
    const [requested] = others.filter((_, i) => results[i]?.status === 'fulfilled')
    await stores.act(alice, 'cancel', requested!, { limits })
    await stores.act(alice, 'request', refused!, { limits })
    await expect(stores.act(alice, 'request', requested!, { limits })).rejects.toThrow(SocialError)
  })

  test('let fifty requests to one user at once through up to the limit, and more when some are answered', async () => {
    const alice = newUser()
    const limits = { friends: 100, outgoing: 100, incoming: 30 }
    const others = newUsers(50)
    const results = await Promise.allSettled(others.map(other => stores.act(other, 'request', alice, { limits })))
    expect(refusals(results)).toEqual(Array.from({ length: 20 }, () => 'too_many_requests'))
    expect((await stores.lists.requests(alice, 'incoming', { limit: 100, offset: 0 })).total).toBe(30)
    const refused = others.filter((_, i) => results[i]?.status === 'rejected')
    const requested = others.filter((_, i) => results[i]?.status === 'fulfilled')
    // An answer, a withdrawal and a block make room alike.
    await stores.act(alice, 'reject', requested[0]!, { limits })
    await stores.act(requested[1]!, 'cancel', alice, { limits })
    await stores.act(alice, 'block', requested[2]!, { limits })
    for (const other of refused.slice(0, 3)) await stores.act(other, 'request', alice, { limits })
    await expect(stores.act(refused[3]!, 'request', alice, { limits })).rejects.toMatchObject({
      code: 'too_many_requests',
      message: 'Too many friendship requests wait for the answer of this user'
    })
  })

  test('let fifty at once become friends up to the limit, and no further', async () => {
    const alice = newUser()
    const limits = { friends: 30, outgoing: 100, incoming: 100 }
    const others = newUsers(50)
    for (const other of others) await stores.act(other, 'request', alice)
    const results = await Promise.allSettled(others.map(other => stores.act(alice, 'accept', other, { limits })))
    expect(refusals(results)).toHaveLength(20)
    expect(await countsOf(alice)).toEqual([30, 0])
    expect((await stores.lists.friends(alice, { limit: 100, offset: 0 })).items).toHaveLength(30)
    // A request that could not be accepted still waits.
    const [waiting] = others.filter((_, i) => results[i]?.status === 'rejected')
    expect(statusOf(await stores.friendships().read(alice, waiting!))).toBe('requested')
    expect(await countsOf(waiting!)).toEqual([0, 1])
  })

  test('hold the limit of the other side as well', async () => {
    const [alice, bob, carol] = [newUser(), newUser(), newUser()]
    const limits = { friends: 1, outgoing: 10, incoming: 10 }
    await stores.befriend(alice, bob)
    await stores.act(alice, 'request', carol)
    await expect(stores.act(carol, 'accept', alice, { limits })).rejects.toMatchObject({
      code: 'too_many_requests'
    })
    expect([await countsOf(alice), await countsOf(carol)]).toEqual([
      [1, 1],
      [0, 0]
    ])
  })

  test('keep in step with the log and the counts, whatever many users do at once', async () => {
    const users = newUsers(5)
    const operation = fc.tuple(fc.nat(4), fc.nat(4), fc.constantFrom(...PAIR_ACTIONS))
    const limits = { friends: 3, outgoing: 2, incoming: 2 }
    let committed = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 10, maxLength: 30 }), async operations => {
        const acts = operations.map(([actor, target, action]) =>
          stores.act(users[actor]!, action, users[target]!, { limits, message: action })
        )
        const results = await Promise.allSettled(acts)
        committed += results.filter(result => result.status === 'fulfilled' && result.value !== null).length
      }),
      { numRuns: 20 }
    )
    const events = (await stores.events()).filter(({ actor }) => users.includes(actor))
    expect(events).toHaveLength(committed)
    expect(committed).toBeGreaterThan(20)

    const lastOf = new Map<string, { seq: number; status: string }>()
    for (const { seq, actor, target, action, previous } of events) {
      const key = Object.values(orderedPair(actor, target)).join()
      const last = lastOf.get(key) ?? { seq: 0, status: 'none' }
      expect(seq).toBeGreaterThan(last.seq)
      expect(previous).toBe(last.status)
      lastOf.set(key, { seq, status: statusOf({ ...NO_PAIR, lastAction: action }) })
    }
    const rows = `select lo || ',' || hi, version from pair where lo = any($1) order by 1`
    expect(await stores.query(rows, [users])).toEqual([...lastOf].map(([key, { seq }]) => [key, seq]).sort())
    const counts = 'select address, friends, outgoing, incoming from user_count where address = any($1) order by 1'
    const recounted = `select address, count(*) filter (where last_action = 2)::int,
      count(*) filter (where last_action = 1 and actor_is_lo = (address = lo))::int,
      count(*) filter (where last_action = 1 and actor_is_lo <> (address = lo))::int
      from user_count left join pair on address in (lo, hi) where address = any($1) group by 1 order by 1`
    expect(await stores.query(counts, [users])).toEqual(await stores.query(recounted, [users]))
  })
})
