import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLogger } from '../../src/observability/logger.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres } from '../env/databases.ts'
import { PostgresServer } from '../env/postgres.ts'
import { type LoggedIn, Rest, statePath } from '../env/rest.ts'
import { canMount, SmallDisk } from '../env/small-disk.ts'
import { until } from '../env/until.ts'

/** So few of them fill a page. */
const MESSAGE = 'A long message. '.repeat(120)

/** Where there is no small disk to be had, the errors of a full one are raised in the tests of the database. */
describe.skipIf(!canMount)('A service whose disk is full', () => {
  async function survives(disk: SmallDisk, database: Record<string, string>): Promise<void> {
    const lines: { level: string; msg: string }[] = []
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
    const logger = createLogger({ level: 'info', format: 'json', destination })
    await using env = await Env.start(database, { logger })
    const rest = new Rest(env.app.httpUrl)
    const alice = await rest.login()
    const others = await Promise.all(Array.from({ length: 400 }, () => rest.login()))
    const ready = async (): Promise<number> => (await rest.get('/health/ready')).status
    const request = (to: LoggedIn | undefined) =>
      to!.rest.put(statePath(alice.address, to!.address), { type: 'request', message: MESSAGE })

    await disk.fill()
    const answers: number[] = []
    await until(async () => {
      const { status, body } = await request(others.pop())
      answers.push(status)
      if (status === 503) expect(body.error).toBe('The database is not available, try again')
      return status === 503
    }, 'a write finds no room')
    expect(answers.slice(0, -1).every(status => status === 200)).toBe(true)
    for (let i = 0; i < 10; i++) {
      expect(await ready()).toBe(503)
      expect((await rest.get('/health/live')).status).toBe(200)
      expect((await alice.rest.get('/v1/friendships/me/requests')).status).toBe(200)
      expect([200, 503]).toContain((await request(others.pop())).status)
    }
    const saying = (text: string) => lines.filter(({ msg }) => msg === text)
    expect(saying('The database takes no writes')).toMatchObject([{ level: 'warn' }])
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])

    await disk.free()
    await until(async () => (await ready()) === 200, 'the service is ready')
    expect((await request(others.pop())).status).toBe(200)
    await until(() => saying('The database takes writes again').length === 1, 'it says so')
  }

  test('embedded: answers 503 to writes, is not ready, says so once, and goes on by itself', async () => {
    await using disk = await SmallDisk.mount('160m')
    await survives(disk, { DATA_DIR: join(disk.path, 'data') })
  })

  describeWithPostgres('on PostgreSQL', () => {
    test('answers 503 to writes, is not ready, says so once, and goes on by itself', async () => {
      await using disk = await SmallDisk.mount('160m')
      await using server = await PostgresServer.start({ durable: false, folder: disk.path })
      await survives(disk, { DATABASE_URL: server.url })
    })
  })
})
