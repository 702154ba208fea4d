import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkReplicas } from '../../src/cli/database-check.ts'
import { readConfig } from '../../src/config/config.ts'
import { Database } from '../../src/storage/db/database.ts'
import { Replicas } from '../../src/storage/db/replicas.ts'
import { collect, Env, type V1User } from '../env/app.ts'
import { describeWithPostgres, LIMITS, silent } from '../env/databases.ts'
import { scrape, valueIn } from '../env/metric.ts'
import { createDatabase, execute, onServer, PostgresServer } from '../env/postgres.ts'
import { seededUsers, seedRelations } from '../env/seed.ts'
import { until } from '../env/until.ts'
import { TcpProxy } from './tcp-proxy.ts'

/** In `pg_stat_user_tables` of one server: how often it has looked into the pairs, whatever the others have done. */
const SCANS = `select coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0)::int as n
  from pg_stat_user_tables where relname = 'pair'`

describeWithPostgres('Lists of a service with a hot standby', () => {
  let primary: PostgresServer
  let standby: PostgresServer
  let url: string
  /** Before the standby, for the first service. */
  let proxy: TcpProxy
  /** Its lists may be a second old; those of the other are as old as this whole test. */
  let env: Env
  let patient: Env
  let users: V1User[]
  beforeAll(async () => {
    primary = await PostgresServer.start({ durable: true })
    url = await createDatabase(primary.url)
    standby = await primary.startStandby()
    proxy = await TcpProxy.start(onServer(url, standby))
    const start = (replica: string, maxLag: string) => {
      const settings = { DATABASE_REPLICA_URL: replica, DATABASE_REPLICA_MAX_LAG: maxLag }
      return Env.start({ DATABASE_URL: url, DATABASE_POOL_SIZE: '5', ...settings }, { logger: silent })
    }
    env = await start(proxy.url, '1s')
    patient = await start(onServer(url, standby), '1m')
    users = await Promise.all([env.login(), env.login(), patient.login(), patient.login(), patient.login()])
  })
  afterAll(async () => {
    await Promise.all([env.stop(), patient.stop()])
    await proxy[Symbol.asyncDispose]()
    await standby[Symbol.asyncDispose]()
    await primary[Symbol.asyncDispose]()
  })

  const reads = async (of: Env, from: string): Promise<number> =>
    valueIn(await scrape(of.app.httpUrl, 'metrics'), `social_list_reads_total{from="${from}"}`)
  const used = async (of: Env): Promise<number> =>
    valueIn(await scrape(of.app.httpUrl, 'metrics'), 'social_replicas{state="used"}')
  const onStandby = (sql: string): Promise<void> => execute(onServer(url, standby), sql)
  const friendsOf = ({ client }: V1User): Promise<string[]> => collect(client.getFriends())
  /** Whether a list is read from the standby, now. */
  const isFromStandby = async (of: Env, user: V1User): Promise<boolean> => {
    const before = await reads(of, 'replica')
    await friendsOf(user)
    return (await reads(of, 'replica')) > before
  }

  test('are read there, as its own statistics say', async () => {
    const [alice] = users as [V1User]
    const friends = seededUsers(1, 3)
    await seedRelations(url, alice.address, { friends, incoming: seededUsers(2, 2), blocked: seededUsers(3, 1) })
    await until(() => isFromStandby(env, alice), 'the list is read from the standby')
    const before = { standby: await scansOf(standby), lists: await reads(env, 'replica') }
    await until(async () => (await friendsOf(alice)).length === 3, 'the standby has all friends')
    expect(await friendsOf(alice)).toEqual(friends)
    expect((await alice.client.getRequestEvents())?.incoming?.items).toHaveLength(2)
    await until(async () => {
      // A session that has nothing to do is slow to say what it did.
      await friendsOf(alice)
      return (await scansOf(standby)) >= before.standby + 3
    }, 'the standby counts what it was asked')
    expect(await reads(env, 'replica')).toBeGreaterThan(before.lists)
  })

  test('have at once what was done to, or by, whom they are of, however far behind the standby is', async () => {
    const [, , alice, bob, carol] = users as [V1User, V1User, V1User, V1User, V1User]
    await seedRelations(url, carol.address, { friends: seededUsers(4, 2) })
    await until(async () => (await friendsOf(carol)).length === 2, 'the standby has the friends of carol')
    await until(() => isFromStandby(patient, carol), 'the list is read from the standby')
    await onStandby('select pg_wal_replay_pause()')
    try {
      await alice.client.requestFriendship(bob.address)
      await bob.client.acceptFriendshipRequest(alice.address)
      expect(await friendsOf(alice)).toEqual([bob.address])
      expect(await friendsOf(bob)).toEqual([alice.address])
      await alice.client.removeFriend(bob.address)
      expect(await friendsOf(alice)).toEqual([])
      expect(await friendsOf(bob)).toEqual([])
      // Of others they may be old.
      await seedRelations(url, carol.address, { friends: seededUsers(5, 1) })
      expect(await friendsOf(carol)).toHaveLength(2)
      // One instance knows by the log what was done on another, once it has read it.
      await alice.client.requestFriendship(carol.address)
      expect((await carol.client.getRequestEvents())?.incoming?.items).toHaveLength(1)
    } finally {
      await onStandby('select pg_wal_replay_resume()')
    }
  })

  test('are those of the primary while the standby is behind, and its own again when it is not', async () => {
    const [alice, bob] = users as [V1User, V1User]
    await onStandby('select pg_wal_replay_pause()')
    try {
      await seedRelations(url, bob.address, { friends: seededUsers(6, 4) })
      await until(async () => (await used(env)) === 0, 'the standby is not used')
      expect(await friendsOf(bob)).toHaveLength(4)
      expect(await isFromStandby(env, alice)).toBe(false)
    } finally {
      await onStandby('select pg_wal_replay_resume()')
    }
    await until(() => isFromStandby(env, bob), 'the standby is used again')
    expect(await friendsOf(bob)).toHaveLength(4)
  })

  test('go on while the standby is silent, breaks its connections, is killed, and comes back', async () => {
    const [alice] = users as [V1User]
    await until(() => isFromStandby(env, alice), 'the standby is used')
    const faults = [
      async () => {
        proxy.inspect = () => 'swallow'
        await until(async () => (await used(env)) === 0, 'the silent standby is not used')
        proxy.inspect = () => 'pass'
      },
      () =>
        onStandby(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
        ),
      async () => {
        await standby.stop('immediate')
        await until(async () => (await used(env)) === 0, 'the killed standby is not used')
        await standby.start()
      }
    ]
    const friends = await friendsOf(alice)
    let isOver = false
    const lists = (async () => {
      while (!isOver) expect(await friendsOf(alice)).toEqual(friends)
    })()
    for (const fault of faults) {
      await fault()
      const before = await reads(env, 'replica')
      await until(async () => (await reads(env, 'replica')) > before + 5, 'the standby is used again')
    }
    isOver = true
    await lists
    expect((await fetch(`${env.app.httpUrl}/health/ready`)).status).toBe(200)
  })

  test('are had from the primary when the standby cancels them for what it has to replay', async () => {
    await execute(url, 'create table slow (n int); insert into slow values (7)')
    await onStandby('alter system set max_standby_streaming_delay = 0')
    await onStandby('select pg_reload_conf()')
    const db = await Database.open({ ...LIMITS, url }, silent)
    const sources: string[] = []
    const deps = { db, observer: db, logger: silent, onRead: (source: string) => void sources.push(source) }
    const replicas = new Replicas(deps, { ...LIMITS, replicaUrl: onServer(url, standby), maxLagMs: 60_000 })
    try {
      const quick = { name: 'quick', text: 'select pg_is_in_recovery()' }
      await until(async () => (await replicas.retryableRows<[boolean]>(quick, []))[0]?.[0] === true, 'it is used')
      const text = 'select n, case when pg_is_in_recovery() then pg_sleep(60)::text end from slow'
      const isRunning = `select count(*)::int as n from pg_stat_activity where state = 'active' and query like '%slow'`
      let tries = 0
      await until(async () => {
        let isOver = false
        const rows = replicas.retryableRows<[number, string | null]>({ name: 'slow', text }, []).finally(() => {
          isOver = true
        })
        await until(async () => isOver || (await numberOn(standby, isRunning)) > 0, 'the standby is reading')
        // It locks the table against everybody, on the standby too.
        await execute(url, `alter table slow add column more_${tries++} int`)
        expect(await rows).toEqual([[7, null]])
        // On a busy machine the lock may come after the longest time for a list.
        return standby.log.includes('canceling statement due to conflict with recovery')
      }, 'a list was canceled')
      expect(sources).toContain('primary_failed')
    } finally {
      await replicas.close()
      await db.close()
    }
  })

  test('are read from nothing but a standby of the same database', async () => {
    const check = (replicaUrl: string) =>
      checkReplicas(readConfig({ DATABASE_URL: url, DATABASE_REPLICA_URL: replicaUrl }))
    expect(await check(onServer(url, standby))).toEqual([new URL(standby.url).host])
    await expect(check(url)).rejects.toThrow(`${new URL(url).host} cannot be a read replica: it is no standby`)
    await expect(check(standby.url)).rejects.toThrow('it has another database')
    await expect(check('postgres://127.0.0.1:1/none')).rejects.toThrow('is DATABASE_REPLICA_URL right?')
    await until(async () => (await used(env)) === 1, 'the standby is used')
    await standby.promote()
    await until(async () => (await used(env)) === 0, 'it is not used any more')
    expect(await friendsOf(users[0]!)).toHaveLength(3)
  })

  const scansOf = (server: PostgresServer): Promise<number> => numberOn(server, SCANS)

  /** The column `n` of the only row. */
  async function numberOn(server: PostgresServer, sql: string): Promise<number> {
    const client = new Client({ connectionString: onServer(url, server) })
    await client.connect()
    try {
      return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0
    } finally {
      await client.end()
    }
  }
})
