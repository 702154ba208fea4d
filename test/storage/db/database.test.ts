import { DatabaseError } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SocialError } from '../../../src/domain/errors.ts'
import { Database, type Statement, type Transaction } from '../../../src/storage/db/database.ts'
import { describeEachDatabase, type FreshDatabase, freshDatabase, LIMITS, silent } from '../../env/databases.ts'
import { paced } from '../../env/pace.ts'

const CREATE = { name: 'create', text: 'create table thing (id bigint primary key, words text, bytes bytea)' }
const INSERT = { name: 'insert', text: 'insert into thing (id) values ($1) returning id' }
const COUNT = { name: 'count', text: 'select count(*) from thing where id = $1' }
const FAIL_ROLLED_BACK = {
  name: 'fail-rolled-back',
  text: `do $$ begin raise exception using errcode = '40001'; end $$`
}

const statement = (text: string): Statement => ({ name: text.slice(0, 60), text })
const codeOf = (error: unknown): string | undefined =>
  error instanceof SocialError || error instanceof DatabaseError ? error.code : String(error)
/** The error code of what must fail. */
const failure = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => expect.fail('It did not fail'),
    error => codeOf(error)
  )

describeEachDatabase('The database', kind => {
  let fresh: FreshDatabase
  let db: Database
  let nextId = 1

  /** How many rows there are with an id, on whatever connection. */
  const count = async (id: number): Promise<number> => (await db.retryableRows<[number]>(COUNT, [id]))[0]![0]

  beforeAll(async () => {
    fresh = await freshDatabase(kind)
    db = fresh.db
    await db.rows(CREATE, [])
  })
  afterAll(() => fresh[Symbol.asyncDispose]())

  test('gives rows as arrays, int8 as numbers, and bytes and every character back as they came', async () => {
    const words = 'Grüße, \u202e世界 🙂\n"\\'
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256))
    const insert = statement('insert into thing values ($1, $2, $3) returning *')
    const rows = await db.rows(insert, [Number.MAX_SAFE_INTEGER, words, bytes])
    expect(rows).toEqual([[Number.MAX_SAFE_INTEGER, words, bytes]])
    expect(await db.rows(statement('select null::bigint, true, 7::smallint'), [])).toEqual([[null, true, 7]])
    expect(await db.rows(statement('select * from thing where id = -1'), [])).toEqual([])
    expect(db.kind).toBe(kind)
  })

  test('reads a long list', async () => {
    const rows = await db.rows<[number]>(statement('select generate_series(1::bigint, 50000)'), [])
    expect(rows).toHaveLength(50_000)
    expect(rows.at(-1)).toEqual([50_000])
  })

  test('prepares a statement once for each connection', async () => {
    for (let i = 0; i < 20; i++) await db.rows(COUNT, [i])
    const prepared = statement(`select count(*) from pg_prepared_statements where name = 'count'`)
    expect(await db.transaction(async tx => [await tx.rows(COUNT, [1]), await tx.rows(prepared, [])])).toEqual([
      [[0]],
      [[1]]
    ])
  })

  test('compiles no plan, however many rows it is thought to have', async () => {
    const numbers = 'generate_series(1, (select 1))'
    const three = statement(`explain analyze select count(*) from ${numbers} a, ${numbers} b, ${numbers} c`)
    const plan = await db.rows<[string]>(three, [])
    expect(plan.filter(([line]) => line.startsWith('JIT'))).toEqual([])
  })

  test('answers many callers at once', async () => {
    const ids = Array.from({ length: 50 }, () => nextId++)
    await Promise.all(ids.map(id => db.rows(INSERT, [id])))
    expect(await Promise.all(ids.map(count))).toEqual(ids.map(() => 1))
  })

  test('keeps everything that a transaction wrote, or nothing', async () => {
    const [committed, aborted] = [nextId++, nextId++]
    expect(await db.transaction(async tx => tx.rows(INSERT, [committed]))).toEqual([[committed]])
    const rolledBack = db.transaction(async tx => {
      await tx.rows(INSERT, [aborted])
      throw new Error('changed my mind')
    })
    await expect(rolledBack).rejects.toThrow('changed my mind')
    expect([await count(committed), await count(aborted)]).toEqual([1, 0])
  })

  test('refuses statements of a transaction that is over', async () => {
    let escaped: Transaction | undefined
    await db.transaction(async tx => {
      escaped = tx
    })
    const id = nextId++
    await expect(escaped?.rows(INSERT, [id])).rejects.toThrow('The transaction has ended')
    expect(await count(id)).toBe(0)
  })

  test('says so when a transaction went on after an error and was rolled back', async () => {
    const id = nextId++
    const careless = db.transaction(async tx => {
      await tx.rows(INSERT, [id])
      await tx.rows(INSERT, [id]).catch(() => {})
    })
    await expect(careless).rejects.toThrow('was rolled back')
    expect(await count(id)).toBe(0)
  })

  test('never lends a connection again that was left within a transaction', async () => {
    const id = nextId++
    await db.rows(statement('begin'), [])
    await db.rows(INSERT, [id])
    await db.rows(statement('rollback'), [])
    expect(await count(id)).toBe(1)
  })

  test('goes on after every kind of mistake', async () => {
    const id = nextId++
    await db.rows(INSERT, [id])
    expect(await failure(db.rows(INSERT, [id]))).toBe('23505')
    expect(await failure(db.rows(statement('selec 1'), []))).toBe('42601')
    expect(await failure(db.rows(COUNT, ['not a number']))).toBe('22P02')
    expect(await failure(db.rows(COUNT, []))).toBe('08P01')
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    expect(await failure(db.rows(COUNT, [cycle]))).toContain('circular')
    expect(await count(id)).toBe(1)
  })

  test('runs a statement again when its plan has become stale', async () => {
    const all = statement('select * from changing')
    await db.rows(statement('create table changing (a int)'), [])
    for (let i = 0; i < 8; i++) await Promise.all([1, 2, 3, 4].map(() => db.rows(all, [])))
    await db.rows(statement('alter table changing add column b int'), [])
    await db.rows(statement('insert into changing values (1, 2)'), [])
    for (let i = 0; i < 8; i++) expect(await db.rows(all, [])).toEqual([[1, 2]])
  })

  test('repeats a transaction that PostgreSQL took back, and gives up at some time', async () => {
    const id = nextId++
    let attempts = 0
    await db.transaction(async tx => {
      await tx.rows(INSERT, [id])
      if (++attempts < 3) await tx.rows(FAIL_ROLLED_BACK, [])
    })
    expect([attempts, await count(id)]).toEqual([3, 1])
    expect(await failure(db.rows(FAIL_ROLLED_BACK, []))).toBe('conflict')
  })

  test('lets callers wait for a connection, but only so many and so long', async () => {
    await using small = await freshDatabase(kind, { poolSize: 1, connectTimeoutMs: paced(1_000) })
    let leave = () => {}
    const holder = small.db.transaction(() => new Promise<void>(resolve => (leave = resolve)))
    const waiting = Array.from({ length: 2_000 }, () => failure(small.db.rows(statement('select 1'), [])))
    const started = performance.now()
    expect(await failure(small.db.rows(statement('select 1'), []))).toBe('unavailable')
    expect(performance.now() - started).toBeLessThan(paced(500))
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['unavailable']))
    leave()
    await holder
    expect(await small.db.rows(statement('select 1'), [])).toEqual([[1]])
  })

  test('lets what is running finish when it is closed, and refuses what comes later', async () => {
    await using closing = await freshDatabase(kind)
    const running = closing.db.rows(statement('select 5 from pg_sleep(0.2)'), [])
    await closing.db.ping()
    await Promise.all([closing.db.close(), closing.db.close()])
    expect(await running).toEqual([[5]])
    expect(await failure(closing.db.rows(statement('select 1'), []))).toBe('unavailable')
    await expect(closing.db.ping()).rejects.toThrow(SocialError)
  })

  test('still has everything when it is opened again', async () => {
    await using first = await freshDatabase(kind)
    await first.db.rows(CREATE, [])
    await first.db.rows(INSERT, [7])
    await first.db.close()
    const second = await Database.open({ ...LIMITS, ...first.options }, silent)
    expect(await second.rows(COUNT, [7])).toEqual([[1]])
    await second.close()
  })
})
