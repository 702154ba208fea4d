import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Address } from '../../../src/domain/address.ts'
import { Accounts } from '../../../src/matrix/client/accounts.ts'
import { migrate } from '../../../src/storage/db/migrator.ts'
import { MatrixAccountStore } from '../../../src/storage/matrix-accounts.ts'
import { MIGRATIONS } from '../../../src/storage/migrations/index.ts'
import { type FreshDatabase, freshDatabase } from '../../env/databases.ts'
import { FaultProxy } from '../../env/fault-proxy.ts'
import { describeWithSynapse, sharedSynapse } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { Homeserver, newAddress } from '../homeserver.ts'

describeWithSynapse('the account of a user', () => {
  let fresh: FreshDatabase
  let proxy: FaultProxy
  let homeserver: Homeserver
  let user: Address

  beforeAll(async () => {
    fresh = await freshDatabase('embedded')
    await migrate(fresh.db, MIGRATIONS)
    const access = await sharedSynapse()
    proxy = await FaultProxy.start(access.url)
    homeserver = new Homeserver({ ...access, url: proxy.url })
  })
  afterAll(async () => {
    await homeserver.client.close()
    await proxy[Symbol.asyncDispose]()
    await fresh[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    user = newAddress()
    proxy.requests.length = 0
  })
  afterEach(() => {
    proxy.mischief = () => null
  })

  /** Those of another instance, which remembers nothing. */
  const accounts = (): Accounts => new Accounts(homeserver.client, new MatrixAccountStore(fresh.db))
  const requests = (): string[] =>
    proxy.requests.map(it => it.replace(/\/_matrix\/client\/v3\/|\?.*|\/@[^/]*|\/%40[^/]*/g, ''))

  async function isInDirectory(): Promise<void> {
    const other = await homeserver.newUser()
    await until(async () => (await homeserver.found(user, other)).length === 1, 'the user is in the directory')
  }

  test('is created with as few calls as it takes', async () => {
    await accounts().ensure(user)
    expect(requests()).toEqual(['POST register', 'PUT profile/displayname'])
    await isInDirectory()
  })

  test('is ensured once, also by instances that come later', async () => {
    const mine = accounts()
    await Promise.all([mine.ensure(user), mine.ensure(user)])
    proxy.requests.length = 0
    await Promise.all([mine.ensure(user), accounts().ensure(user)])
    expect(requests()).toEqual([])
  })

  test('is completed by the next login when its creation broke off', async () => {
    const mine = accounts()
    proxy.mischief = method => (method === 'PUT' ? '500' : null)
    await expect(mine.ensure(user)).rejects.toMatchObject({ kind: 'unavailable' })
    proxy.mischief = () => null
    await Promise.all([mine.ensure(user), accounts().ensure(user)])
    await isInDirectory()
  })

  test('keeps the name that the user chose', async () => {
    await homeserver.client.register(user)
    await homeserver.client.as(user).setDisplayName('Alice')
    await accounts().ensure(user)
    expect(await homeserver.client.as(user).getDisplayName()).toBe('Alice')
  })

  test('is ensured again by all instances when it was forgotten', async () => {
    const mine = accounts()
    await mine.ensure(user)
    await mine.forget(user)
    for (const one of [mine, accounts()]) {
      proxy.requests.length = 0
      await one.ensure(user)
      await one.forget(user)
      expect(requests()[0]).toBe('POST register')
    }
  })
})
