import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { type LoginProof, type Session, SessionStore } from '../../src/storage/sessions.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, Stores } from './stores.ts'

/** The database goes by its own clock. */
const NOW = Date.now()
const HOUR = 3_600_000

function session(address: Address, change: Partial<Session> = {}): Session {
  const tokenHash = randomBytes(32)
  return { tokenHash, address, deviceId: tokenHash.toString('hex'), createdAt: NOW, expiresAt: NOW + HOUR, ...change }
}

const proof = (expiresAt = NOW + HOUR): LoginProof => ({ id: randomBytes(32), expiresAt })

describeEachDatabase('Sessions', kind => {
  let stores: Stores
  let store: SessionStore
  beforeAll(async () => {
    stores = await Stores.open(kind, { poolSize: 10 })
    store = new SessionStore(stores.db, 3)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const isThere = async ({ tokenHash }: Session, now = NOW): Promise<boolean> =>
    (await store.find(tokenHash, now)) !== null

  test('are found by the hash of their token until they expire', async () => {
    const mine = session(newUser())
    expect(await store.start(mine, proof())).toEqual([])
    expect(await store.find(mine.tokenHash, mine.expiresAt - 1)).toEqual(mine)
    expect(await store.find(mine.tokenHash, mine.expiresAt)).toBeNull()
    expect(await store.find(randomBytes(32), NOW)).toBeNull()
  })

  test('start once for each proof, also when it comes many times at once', async () => {
    const alice = newUser()
    const once = proof()
    const tries = Array.from({ length: 10 }, () => session(alice))
    const results = await Promise.all(tries.map(each => store.start(each, once)))
    expect(results.filter(result => result !== null)).toEqual([[]])
    const started = tries.filter((_, i) => results[i] !== null)
    expect((await Promise.all(tries.map(each => isThere(each)))).filter(Boolean)).toHaveLength(1)
    expect(await isThere(started[0]!)).toBe(true)
    expect(await store.start(session(newUser()), once)).toBeNull()
  })

  test('are not ended by a login that is refused', async () => {
    const alice = newUser()
    const used = proof()
    await store.start(session(newUser()), used)
    const phone = session(alice, { deviceId: 'phone' })
    await store.start(phone, proof())
    expect(await store.start(session(alice, { deviceId: 'phone' }), used)).toBeNull()
    expect(await isThere(phone)).toBe(true)
  })

  test('are replaced when the same device logs in again', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const device = { deviceId: 'phone' }
    const [first, second, laptop, other] = [
      session(alice, device),
      session(alice, device),
      session(alice),
      session(bob, device)
    ]
    for (const each of [first, laptop, other]) expect(await store.start(each, proof())).toEqual([])
    expect(await store.start(second, proof())).toEqual([first.tokenHash])
    expect(await Promise.all([first, second, laptop, other].map(each => isThere(each)))).toEqual([
      false,
      true,
      true,
      true
    ])
  })

  test('beyond the limit end with the oldest', async () => {
    const alice = newUser()
    const sessions = [5, 3, 9, 7].map(age => session(alice, { createdAt: NOW - age }))
    for (const each of sessions.slice(0, 3)) expect(await store.start(each, proof())).toEqual([])
    expect(await store.start(sessions[3]!, proof())).toEqual([sessions[2]!.tokenHash])
    expect(await store.start(session(alice), proof())).toEqual([sessions[3]!.tokenHash])
    expect(await Promise.all(sessions.map(each => isThere(each)))).toEqual([true, true, false, false])
  })

  test('end one by one or all at once, and are not alive any more', async () => {
    const [alice, bob] = [newUser(), newUser()]
    const [phone, laptop, tablet] = [session(alice), session(alice), session(alice)]
    const others = [session(bob), session(bob, { expiresAt: NOW - 1 })]
    for (const each of [phone, laptop, tablet, ...others]) await store.start(each, proof())
    await store.end(phone.tokenHash)
    const hashes = [phone, laptop, tablet, ...others].map(({ tokenHash }) => tokenHash)
    const hex = (sessions: Session[]) => sessions.map(({ tokenHash }) => tokenHash.toString('hex')).sort()
    expect((await store.alive(hashes)).sort()).toEqual(hex([laptop, tablet, others[0]!]))
    expect((await store.endAll(alice)).map(hash => hash.toString('hex')).sort()).toEqual(hex([laptop, tablet]))
    expect(await store.endAll(alice)).toEqual([])
    expect(await store.alive(hashes)).toHaveLength(1)
    await store.end(phone.tokenHash)
  })

  test('are swept when they have expired, a bounded number at a time', async () => {
    const alice = newUser()
    // A hundred of them have an hour to go.
    const expiry = `$1::bigint + case when n > 22400 then ${HOUR} else -n end`
    const insert = `insert into session select sha256(n::text::bytea), $2, n::text, 0, ${expiry}
      from generate_series(1, 22500) n`
    await stores.query(insert, [NOW, alice])
    const logins = `insert into used_login select sha256(n::text::bytea), ${expiry} from generate_series(1, 22500) n`
    await stores.query(logins, [NOW])
    const left = async (): Promise<unknown> => {
      const counts = `select (select count(*) from session where address = $1),
        (select count(*) from used_login where expires_at <= $2)`
      return (await stores.query(counts, [alice, NOW]))[0]
    }
    await store.sweep()
    expect(await left()).toEqual([2500, 2400])
    await store.sweep()
    expect(await left()).toEqual([100, 0])
    await store.sweep()
    expect(await left()).toEqual([100, 0])
  })

  test('keep a used proof until it could not be valid any more, and refuse it then', async () => {
    const [current, over] = [proof(Date.now() + HOUR), proof(Date.now() - 1)]
    await store.start(session(newUser()), current)
    expect(await store.start(session(newUser()), over)).toBeNull()
    await store.sweep()
    expect(await store.start(session(newUser()), current)).toBeNull()
  })
})
