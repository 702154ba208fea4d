import { afterAll, beforeAll, expect, test } from 'vitest'
import { AccountDataLeases, MatrixAccountStore } from '../../src/storage/matrix-accounts.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, Stores } from './stores.ts'

const LONG_MS = 60_000

describeEachDatabase('of accounts on the homeserver', kind => {
  let stores: Stores
  let leases: AccountDataLeases
  beforeAll(async () => {
    stores = await Stores.open(kind)
    leases = new AccountDataLeases(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  test('it is stored which there are, until they are removed', async () => {
    const accounts = new MatrixAccountStore(stores.db)
    const user = newUser()
    expect(await accounts.has(user)).toBe(false)
    await accounts.add(user)
    await accounts.add(user)
    expect([await accounts.has(user), await accounts.has(newUser())]).toEqual([true, false])
    await accounts.remove(user)
    expect(await accounts.has(user)).toBe(false)
  })

  test('one lease at a time is given', async () => {
    const user = newUser()
    const lease = (await leases.acquire(user, LONG_MS)) as number
    expect(await leases.acquire(user, LONG_MS)).toBeNull()
    expect(await leases.acquire(newUser(), LONG_MS)).not.toBeNull()
    await leases.release(user, lease)
    expect(await leases.acquire(user, LONG_MS)).not.toBeNull()
  })

  test('a lease that was never released ends, and is not taken for the next one when it is released late', async () => {
    const user = newUser()
    const expired = (await leases.acquire(user, 1)) as number
    await until(async () => (await leases.acquire(user, LONG_MS)) !== null, 'the lease is over')
    await leases.release(user, expired)
    expect(await leases.acquire(user, LONG_MS)).toBeNull()
  })
})
