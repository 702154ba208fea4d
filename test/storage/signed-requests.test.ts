import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type SignatureUse, SignedRequestStore } from '../../src/storage/signed-requests.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { Stores } from './stores.ts'

const bytes = (): Buffer => randomBytes(32)
const newUse = (): SignatureUse => ({ signature: bytes(), request: bytes(), expiresAt: Date.now() + 60_000 })

describeEachDatabase('a signature', kind => {
  let stores: Stores
  let requests: SignedRequestStore
  beforeAll(async () => {
    stores = await Stores.open(kind)
    requests = new SignedRequestStore(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  it('is good for one request, however often that comes', async () => {
    const use = newUse()
    expect(await requests.use(use)).toBe(true)
    expect(await requests.use(use)).toBe(true)
    expect(await requests.use({ ...use, request: bytes() })).toBe(false)
    expect(await requests.use(use)).toBe(true)
  })

  it('is good for one request of several at the same time', async () => {
    for (let round = 0; round < 10; round += 1) {
      const use = newUse()
      const same = Array.from({ length: 5 }, () => requests.use(use))
      expect(await Promise.all(same)).toEqual(same.map(() => true))
      const other = newUse()
      const different = Array.from({ length: 5 }, () => requests.use({ ...other, request: bytes() }))
      expect((await Promise.all(different)).filter(isUsable => isUsable)).toHaveLength(1)
    }
  })

  it('is good for nothing when it may have been swept out', async () => {
    expect(await requests.use({ ...newUse(), expiresAt: Date.now() - 60_000 })).toBe(false)
  })
})
