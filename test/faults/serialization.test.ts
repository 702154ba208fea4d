import { afterAll, beforeAll, expect, test } from 'vitest'
import { Env, type V1User } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { until } from '../env/until.ts'
import type { Operation } from '../model/reference.ts'
import { LogReader } from './log-reader.ts'
import { retryUntilAcknowledged } from './persistent-pair.ts'

const FAILED = {
  name: 'failed',
  text: 'select xact_rollback::bigint from pg_stat_database where datname = current_database()'
}

describeWithPostgres('A PostgreSQL that fails what cannot be serialized', () => {
  const clock = new Clock()
  let env: Env
  let log: LogReader
  beforeAll(async () => {
    const url = await freshPostgres()
    log = await LogReader.open(url)
    const strictly = `alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = serializable`
    await log.db.rows({ name: 'strictly', text: strictly }, [])
    env = await Env.start({ DATABASE_URL: url }, clock)
  })
  afterAll(async () => {
    await env.stop()
    await log[Symbol.asyncDispose]()
  })

  const failures = async (): Promise<number> => {
    const [row] = await log.db.retryableRows<[number]>(FAILED, [])
    return row?.[0] ?? 0
  }

  test('has what it rolled back repeated until it is acknowledged, and done once', async () => {
    const star = await env.login()
    const others = await Promise.all(Array.from({ length: 12 }, () => env.login()))
    const operation = (actor: V1User, action: Operation['action'], target: V1User, message?: string): Operation => ({
      actor: actor.address,
      action,
      target: target.address,
      message,
      at: 0
    })
    const refused: string[][] = []
    for (let round = 0; round < 5; round++) {
      const asked = others.map(other => retryUntilAcknowledged(other, operation(other, 'request', star, `${round}`)))
      refused.push(...(await Promise.all(asked)))
      // Each of them changes the counts of the same user.
      for (const action of ['accept', 'delete'] as const) {
        refused.push(
          ...(await Promise.all(others.map(other => retryUntilAcknowledged(star, operation(star, action, other)))))
        )
      }
    }
    expect(refused.flat().filter(text => text !== 'Too much happens at once, try again')).toEqual([])
    const rounds = Array.from({ length: 5 }, () => ['request', 'accept', 'delete']).flat()
    for (const other of others) {
      expect((await log.ofPair(star.address, other.address)).map(({ action }) => action)).toEqual(rounds)
    }
    // Connections count for the statistics when they end.
    await env.stop()
    await until(async () => (await failures()) > 0, 'PostgreSQL has counted what failed')
  })
})
