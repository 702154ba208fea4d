import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Claim, PositionStore } from '../../src/storage/positions.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { Stores } from './stores.ts'

const NOW = 1_700_000_000_000
const WINDOW_MS = 60_000

describeEachDatabase('Positions of devices', kind => {
  let stores: Stores
  let positions: PositionStore
  beforeAll(async () => {
    stores = await Stores.open(kind)
    positions = new PositionStore(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const claim = (device: Buffer, start = 0): Claim => ({
    ...{ device, start, owner: randomUUID(), instance: randomUUID() },
    since: NOW - WINDOW_MS
  })
  const leave = ({ device, owner }: Claim, floor: number, lostAt: number) =>
    positions.keep([{ device, owner, floor, acked: [floor + 2], lostAt }])

  test('are claimed by many at once, of whom each goes on by itself', async () => {
    const devices = Array.from({ length: 500 }, () => randomBytes(32))
    const first = devices.map(device => claim(device))
    expect(await Promise.all(first.map(each => positions.claim(each)))).toEqual(devices.map(() => null))
    // Every other one was lost too long ago.
    const lostAt = (at: number): number => NOW - (at % 2) * 2 * WINDOW_MS
    await Promise.all(first.map((each, at) => leave(each, at, lostAt(at))))

    const second = devices.map(device => claim(device, 9_000))
    const left = devices.map((_, at) => ({ floor: at, acked: [at + 2], lostAt: lostAt(at) }))
    expect(await Promise.all(second.map(each => positions.claim(each)))).toEqual(left)
    await Promise.all(second.map(({ device }) => positions.claim(claim(device)))).then(found =>
      expect(found.map(each => each?.floor)).toEqual(devices.map((_, at) => (at % 2 === 0 ? at : 9_000)))
    )
  })

  test('belong to the last of several claims of one device', async () => {
    const device = randomBytes(32)
    const claims = [claim(device, 1), claim(device, 2), claim(device, 3)]
    await Promise.all(claims.map(each => positions.claim(each)))
    for (const [at, each] of claims.entries()) await leave(each, 10 * (at + 1), NOW)
    expect(await positions.claim(claim(device))).toEqual({ floor: 30, acked: [32], lostAt: NOW })
  })
})
