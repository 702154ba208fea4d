import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Claim, SavedPositionStore } from '../../src/storage/saved-positions.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { Stores } from './stores.ts'

const WINDOW_MS = 60_000
const DAY = 86_400_000

describeEachDatabase('Positions of devices', kind => {
  let stores: Stores
  let positions: SavedPositionStore
  beforeAll(async () => {
    stores = await Stores.open(kind)
    positions = new SavedPositionStore(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const claim = (device: Buffer, start = 0): Claim => ({
    device,
    start,
    owner: randomUUID(),
    instance: randomUUID(),
    windowMs: WINDOW_MS
  })
  const leave = ({ device, owner }: Claim, floor: number) =>
    positions.save([{ device, owner, floor, acked: [floor + 2], isLost: true }])

  /** Moves the loss of a device into the past. */
  const age = ({ device }: { readonly device: Buffer }, ms: number) =>
    stores.query('update stream_position set lost_at = lost_at - $2::bigint where device = $1', [device, ms])

  test('are claimed by many at once, of whom each goes on by itself', async () => {
    const devices = Array.from({ length: 500 }, () => randomBytes(32))
    const first = devices.map(device => claim(device))
    expect(await Promise.all(first.map(each => positions.claim(each)))).toEqual(devices.map(() => null))
    await Promise.all(first.map((each, at) => leave(each, at)))
    // Every other one was lost too long ago.
    const isRecent = (at: number): boolean => at % 2 === 0
    for (const [at, each] of first.entries()) if (!isRecent(at)) await age(each, 2 * WINDOW_MS)

    const second = devices.map(device => claim(device, 9_000))
    const left = devices.map((_, at) => ({ floor: at, acked: [at + 2], isRecent: isRecent(at), isInLog: true }))
    expect(await Promise.all(second.map(each => positions.claim(each)))).toEqual(left)
    await Promise.all(second.map(({ device }) => positions.claim(claim(device)))).then(found =>
      expect(found.map(each => each?.floor)).toEqual(devices.map((_, at) => (at % 2 === 0 ? at : 9_000)))
    )
  })

  test('belong to the last of several claims of one device', async () => {
    const device = randomBytes(32)
    const claims = [claim(device, 1), claim(device, 2), claim(device, 3)]
    await Promise.all(claims.map(each => positions.claim(each)))
    for (const [at, each] of claims.entries()) await leave(each, 10 * (at + 1))
    expect(await positions.claim(claim(device))).toEqual({ floor: 30, acked: [32], isRecent: true, isInLog: true })
  })

  /** An instance that was last alive so many milliseconds ago, and the device of a stream that is open on it. */
  async function streamOn(aliveMs: number) {
    const [instance, owner, device] = [randomUUID(), randomUUID(), randomBytes(32)]
    await positions.heartbeat(instance, 0)
    await stores.query('update instance set alive_at = alive_at - $2::bigint where id = $1', [instance, aliveMs])
    await positions.claim({ device, owner, instance, start: 0, windowMs: WINDOW_MS })
    return { instance, owner, device }
  }

  async function isKept({ device }: { readonly device: Buffer }): Promise<boolean> {
    return (await stores.query('select 1 from stream_position where device = $1', [device])).length > 0
  }

  async function isKnown({ instance }: { readonly instance: string }): Promise<boolean> {
    return (await stores.query('select 1 from instance where id = $1', [instance])).length > 0
  }

  test('are swept when their stream was lost too long ago, and no others', async () => {
    const [open, left, gone] = [await streamOn(0), await streamOn(0), await streamOn(0)]
    const position = { floor: 7, acked: [9, 11] }
    await positions.save([left, gone].map(each => ({ ...each, ...position, isLost: true })))
    await age(gone, 2 * WINDOW_MS)
    await positions.sweep(WINDOW_MS)
    expect([await isKept(open), await isKept(left), await isKept(gone)]).toEqual([true, true, false])
    expect(await positions.claim({ ...left, owner: randomUUID(), start: 0, windowMs: WINDOW_MS })).toEqual({
      ...position,
      isRecent: true,
      isInLog: true
    })
  })

  test('of an instance that died are swept as if lost then, and a day later the instance', async () => {
    const [dead, long] = [await streamOn(2 * WINDOW_MS), await streamOn(2 * WINDOW_MS + DAY)]
    await positions.sweep(WINDOW_MS)
    expect([await isKept(dead), await isKept(long)]).toEqual([false, false])
    expect([await isKnown(dead), await isKnown(long)]).toEqual([true, false])
  })
})
