import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOfToken } from '../../src/auth/tokens.ts'
import { ApiKeys } from '../../src/sessions/api-keys.ts'
import { ApiKeyStore } from '../../src/storage/api-keys.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { Stores } from '../storage/stores.ts'

describeEachDatabase('API keys', kind => {
  let stores: Stores
  let store: ApiKeyStore
  beforeAll(async () => {
    stores = await Stores.open(kind)
    store = new ApiKeyStore(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const newKeys = (): ApiKeys =>
    new ApiKeys({
      store,
      onError: error => {
        throw error
      }
    })
  const some = () => ({ id: randomBytes(6).toString('hex'), keyHash: randomBytes(32), name: 'some', scopes: [] })
  const lastUseOf = async (id: string): Promise<number | null> => (await store.find(id))?.lastUsedAt ?? null

  it('are found by their text alone, and nowhere stored but as a hash', async () => {
    const keys = newKeys()
    const { text, id } = await keys.create(' A gate ', ['friends:read', 'settings:read', 'friends:read'])
    expect(text).toMatch(new RegExp(`^dcl_social_${id}_[\\w-]{43}$`))
    const found = await keys.authenticate(text)
    expect(found).toMatchObject({ id, name: 'A gate', scopes: ['settings:read', 'friends:read'], lastUsedAt: null })
    expect(Math.abs(found.createdAt - Date.now())).toBeLessThan(60_000)

    const [[row = ''] = []] = await stores.query<[string]>('select api_key::text from api_key where id = $1', [id])
    expect(row).toContain(hashOfToken(text).toString('hex'))
    const secret = text.slice(text.lastIndexOf(`${id}_`) + id.length + 1)
    expect(row).not.toContain(secret)
    expect(row).not.toContain(Buffer.from(secret, 'base64url').toString('hex'))
  })

  it('are refused when they are another by one character, or no key at all', async () => {
    const keys = newKeys()
    const { text, id } = await keys.create('one', ['friends:read'])
    const other = text.slice(0, -1) + (text.endsWith('A') ? 'B' : 'A')
    const bad = [other, `${text} `, text.toUpperCase(), text.slice(0, -1), `${text}A`, '', id, `dcl_social_${id}_`]
    for (const each of bad) await expect(keys.authenticate(each)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(bad.map(each => keys.isKnown(each))).toEqual(bad.map(() => false))
    await keys.authenticate(text)
    expect(keys.isKnown(text)).toBe(true)
  })

  it('are over as soon as they are revoked, wherever that is done', async () => {
    const [here, elsewhere] = [newKeys(), newKeys()]
    const { text, id } = await here.create('short', ['friends:read'])
    await here.authenticate(text)
    expect(await elsewhere.revoke(id)).toMatchObject({ id, name: 'short' })
    await expect(here.authenticate(text)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(here.isKnown(text)).toBe(false)
    expect(await elsewhere.revoke(id)).toBeNull()
  })

  it('are written to be in use once a minute, however many instances see them', async () => {
    const { text, id } = await newKeys().create('busy', ['friends:read'])
    const instances = [newKeys(), newKeys()]
    for (const keys of instances) for (let call = 0; call < 5; call += 1) await keys.authenticate(text)
    await until(async () => (await lastUseOf(id)) !== null, 'the use is written')
    const first = await lastUseOf(id)
    await store.used(id)
    expect(await lastUseOf(id)).toBe(first)
    await stores.query('update api_key set last_used_at = last_used_at - 60001 where id = $1', [id])
    await store.used(id)
    expect(await lastUseOf(id)).toBeGreaterThanOrEqual(first ?? Number.POSITIVE_INFINITY)
  })

  it('are good too when their use cannot be written', async () => {
    const errors: unknown[] = []
    const keys = new ApiKeys({ store, onError: error => errors.push(error) })
    const { text, id } = await keys.create('unwritten', ['friends:read'])
    await stores.query(`alter table api_key add constraint unused check (id <> '${id}' or last_used_at is null)`)
    for (let call = 0; call < 3; call += 1) expect(await keys.authenticate(text)).toMatchObject({ id })
    await until(() => errors.length > 0, 'the failure is told')
    expect(errors).toHaveLength(1)
    expect(await lastUseOf(id)).toBeNull()
    await stores.query('alter table api_key drop constraint unused')
  })

  it('are looked up together when many come at once', async () => {
    const keys = newKeys()
    const made = await Promise.all(Array.from({ length: 20 }, () => keys.create('many', ['friends:read'])))
    const found = await Promise.all(made.flatMap(({ text }) => [keys.authenticate(text), keys.authenticate(text)]))
    expect(found.map(({ id }) => id)).toEqual(made.flatMap(({ id }) => [id, id]))
  })

  it('are listed from the oldest on, with the scopes that this release knows', async () => {
    const { id } = await newKeys().create('last', ['settings:read'])
    await stores.query(`update api_key set scopes = '{settings:read,stars:read}', created_at = created_at + 1e6`)
    const all = await store.list()
    expect(all.find(key => key.id === id)?.scopes).toEqual(['settings:read'])
    expect(all.map(key => key.createdAt)).toEqual(all.map(key => key.createdAt).toSorted((a, b) => a - b))
  })

  it('are no more than so many', async () => {
    const there = (await store.list()).length
    expect(await store.create(some(), there)).toBe(false)
    expect(await store.create(some(), there + 1)).toBe(true)
    expect(await store.create(some(), there + 1)).toBe(false)
    expect((await store.list()).length).toBe(there + 1)
  })

  it.each([
    ['', ['friends:read'], 'name'],
    ['  ', ['friends:read'], 'name'],
    ['x'.repeat(101), ['friends:read'], 'name'],
    ['two\nlines', ['friends:read'], 'name'],
    ['one', [], 'scope is missing'],
    ['one', ['friends:read', 'all'], '"all"']
  ])('are not made for %j with the scopes %j', async (name, scopes, why) => {
    await expect(newKeys().create(name, scopes)).rejects.toThrow(why)
  })
})
