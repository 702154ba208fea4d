import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '../../src/storage/db/migrator.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { MIGRATIONS } from '../../src/storage/migrations/index.ts'
import { SavedPositionStore } from '../../src/storage/saved-positions.ts'
import { type Session, SessionStore } from '../../src/storage/sessions.ts'
import { describeEachDatabase, type FreshDatabase, freshDatabase } from '../env/databases.ts'
import { newUser } from './stores.ts'

const NOW = Date.now()
/** More than may wait for a connection. */
const CROWD = 2_100

// The devices of an instance that died come to another one in the same second.
describeEachDatabase('A crowd that comes all at once', kind => {
  let fresh: FreshDatabase
  let sessions: SessionStore
  const crowd = Array.from(
    { length: CROWD },
    (_, at): Session => ({
      tokenHash: randomBytes(32),
      address: newUser(),
      deviceId: `device ${at}`,
      createdAt: NOW,
      expiresAt: NOW + 3_600_000
    })
  )
  const proofs = crowd.map(({ expiresAt }) => ({ id: randomBytes(32), expiresAt }))
  beforeAll(async () => {
    fresh = await freshDatabase(kind, { poolSize: 2, connectTimeoutMs: 20_000 })
    await migrate(fresh.db, MIGRATIONS)
    sessions = new SessionStore(fresh.db, 50)
  })
  afterAll(() => fresh[Symbol.asyncDispose]())

  test('is logged in, each once', async () => {
    const start = (session: Session, at: number) => sessions.start(session, proofs[at]!)
    expect(await Promise.all(crowd.map(start))).toEqual(crowd.map(() => []))
    expect(await Promise.all(crowd.map(start))).toEqual(crowd.map(() => null))
  })

  test('is recognised by its tokens', async () => {
    const tokens = [...crowd.map(({ tokenHash }) => tokenHash), randomBytes(32)]
    expect(await Promise.all(tokens.map(token => sessions.find(token, NOW)))).toEqual([...crowd, null])
  })

  test('gets the positions of its devices, and the events after them', async () => {
    const [positions, log] = [new SavedPositionStore(fresh.db), new EventLog(fresh.db)]
    const [instance, owner] = [randomUUID(), randomUUID()]
    const claims = crowd.map(({ tokenHash }) => ({ device: tokenHash, instance, owner, start: 0, windowMs: 60_000 }))
    expect(await Promise.all(claims.map(claim => positions.claim(claim)))).toEqual(crowd.map(() => null))
    expect(await Promise.all(crowd.map(({ address }) => log.afterForTarget(address, 0, 10)))).toEqual(
      crowd.map(() => [])
    )
  })

  test('would be refused if each of them took a connection', async () => {
    const ping = { name: 'test-one', text: 'select 1' }
    const all = await Promise.allSettled(crowd.map(() => fresh.db.rows(ping, [])))
    expect(all.filter(({ status }) => status === 'rejected')).not.toEqual([])
  })
})
