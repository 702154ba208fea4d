import { afterAll, beforeAll, expect, it } from 'vitest'
import { MuteStore } from '../../src/storage/mutes.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, newUsers, Stores } from './stores.ts'

const WHOLE = { limit: 1000, offset: 0 }
const LIMIT = 5

describeEachDatabase('mutes', kind => {
  let stores: Stores
  let mutes: MuteStore
  let refusals = 0
  beforeAll(async () => {
    stores = await Stores.open(kind)
    mutes = new MuteStore(stores.db, LIMIT, () => {
      refusals += 1
    })
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  it('are listed latest first, in pages, and of some users alone', async () => {
    const [alice, others] = [newUser(), newUsers(4)]
    for (const [place, other] of others.entries()) await mutes.add(alice, other, 1_000 + place)
    const latestFirst = others.map((address, place) => ({ address, since: 1_000 + place })).reverse()
    expect(await mutes.list(alice, WHOLE, null)).toEqual({ items: latestFirst, total: 4 })
    expect(await mutes.list(alice, { limit: 2, offset: 1 }, null)).toEqual({ items: latestFirst.slice(1, 3), total: 4 })
    expect(await mutes.list(alice, { limit: 2, offset: 9 }, null)).toEqual({ items: [], total: 4 })
    const some = [others[0]!, others[2]!, newUser()]
    expect(await mutes.list(alice, WHOLE, some)).toEqual({ items: [latestFirst[1], latestFirst[3]], total: 2 })
    expect(await mutes.list(alice, WHOLE, [])).toEqual({ items: [], total: 0 })
    expect(await mutes.list(others[0]!, WHOLE, null)).toEqual({ items: [], total: 0 })
  })

  it('stay as they were when they come again, and end once', async () => {
    const [alice, bob] = [newUser(), newUser()]
    await mutes.add(alice, bob, 1)
    await mutes.add(alice, bob, 2)
    expect((await mutes.list(alice, WHOLE, null)).items).toEqual([{ address: bob, since: 1 }])
    await mutes.remove(alice, bob)
    await mutes.remove(alice, bob)
    expect(await mutes.list(alice, WHOLE, null)).toEqual({ items: [], total: 0 })
  })

  it('are bounded, but for those that are there', async () => {
    const [alice, others] = [newUser(), newUsers(LIMIT)]
    for (const other of others) await mutes.add(alice, other, 1)
    const before = refusals
    await expect(mutes.add(alice, newUser(), 2)).rejects.toMatchObject({ code: 'too_many_requests' })
    expect(refusals - before).toBe(1)
    await mutes.add(alice, others[0]!, 2)
    await mutes.remove(alice, others[0]!)
    await mutes.add(alice, newUser(), 3)
    expect((await mutes.list(alice, WHOLE, null)).total).toBe(LIMIT)
  })

  it('may come twice at the same time', async () => {
    const [alice, bob] = [newUser(), newUser()]
    await Promise.all(Array.from({ length: 20 }, (_, at) => mutes.add(alice, bob, at)))
    expect((await mutes.list(alice, WHOLE, null)).total).toBe(1)
  })
})
