import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeEachDatabase, type FreshDatabase, freshDatabase } from '../../env/databases.ts'

const MARK = { name: 'mark', text: `set application_name = 'marked'` }
const IS_MARKED = { name: 'is-marked', text: `select current_setting('application_name') = 'marked'` }

const raise = (code: string) => ({
  name: `raise-${code}`,
  text: `do $$ begin raise exception using errcode = '${code}'; end $$`
})

describeEachDatabase('A statement that fails', kind => {
  let fresh: FreshDatabase
  beforeAll(async () => {
    fresh = await freshDatabase(kind, { poolSize: 1 })
  })
  afterAll(() => fresh[Symbol.asyncDispose]())

  /** The code of the error that a caller gets, and whether the connection is the same one afterwards. */
  async function failWith(code: string): Promise<readonly [code: unknown, keepsConnection: boolean]> {
    await fresh.db.rows(MARK, [])
    const failure = await fresh.db.rows(raise(code), []).then(
      () => expect.fail('It did not fail'),
      error => error
    )
    const [[isMarked] = []] = await fresh.db.rows<[boolean]>(IS_MARKED, [])
    return [failure.code, isMarked === true]
  }

  test.each([
    ['disk full', '53100', true],
    ['an error of the disk', '58030', true],
    ['out of memory', '53200', false],
    ['too many connections', '53300', false],
    ['any other shortage', '53000', false],
    ['a shutdown', '57P01', false],
    ['a crash of another backend', '57P02', false],
    ['a server that starts or recovers', '57P03', false],
    ['a session that was idle', '57P05', false],
    ['a transaction that was idle', '25P03', false],
    ['a connection that failed', '08006', false],
    ['an outcome that is not known', '40003', false],
    ['a statement that took too long', '57014', true],
    ['a lock that cannot be had', '55P03', true],
    ['an object in use', '55006', true]
  ])('for %s (%s) is told as unavailable', async (_, code, keepsConnection) => {
    expect(await failWith(code)).toEqual(['unavailable', keepsConnection])
  })

  test.each([
    ['a wrong value', '22003'],
    ['a limit that was set', '53400'],
    ['a missing right', '42501'],
    ['an internal error', 'XX000']
  ])('for %s (%s) is told as it is, and its connection stays', async (_, code) => {
    expect(await failWith(code)).toEqual([code, true])
  })

  test('for a concurrent one again and again is told as a conflict', async () => {
    expect(await failWith('40001')).toEqual(['conflict', true])
    expect(await failWith('40P01')).toEqual(['conflict', true])
  })
})
