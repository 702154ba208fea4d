import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import type { SettingsEvent } from '../../src/domain/events.ts'
import { DEFAULT_SETTINGS, type UserSettings } from '../../src/domain/settings.ts'
import { knownSinks, NOTIFICATION_OUTBOX } from '../../src/storage/notification-outbox.ts'
import { OutboxStore } from '../../src/storage/outbox.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { describeEachDatabase, describeWithPostgres } from '../env/databases.ts'
import { until } from '../env/until.ts'
import { newUser, newUsers, Stores } from './stores.ts'

const LONG_MS = 60_000
const TABLES = ['notification_position', 'notification_gap', 'notification_outbox']

const sinkOf = (stores: Stores, name: string) => new OutboxStore(stores.db, NOTIFICATION_OUTBOX, name)

/** Takes everything that a sink is to be told, as one that takes it at once. */
async function drain(sink: ReturnType<typeof sinkOf>) {
  const events = []
  await until(async () => (await sink.enqueueFromLog(100)) === 0, 'everything is enqueued')
  for (let leased = await sink.lease(100, LONG_MS); leased.length > 0; leased = await sink.lease(100, LONG_MS)) {
    for (const one of leased) {
      let next: typeof one | null = one
      while (next) {
        events.push(next.event)
        next = await sink.finish(next, LONG_MS)
      }
    }
  }
  return events
}

describeEachDatabase('the log of settings', kind => {
  let stores: Stores
  let settings: SettingsStore
  beforeAll(async () => {
    stores = await Stores.open(kind, { poolSize: 10 })
    settings = new SettingsStore(stores.db)
    await sinkOf(stores, 'chat').begin()
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  const told = async (): Promise<SettingsEvent[]> =>
    (await drain(sinkOf(stores, 'chat'))).filter(event => event.kind === 'settings')

  it('has what a change left, and which settings have another value since', async () => {
    const user = newUser()
    const from = Date.now()
    await settings.change(user, { privateMessages: 'only_friends', friends: 'EVERYONE' })
    await settings.change(user, { privateMessages: 'all', situationReactions: 'hide', friends: 'EVERYONE' })
    const events = await told()
    const first = { ...DEFAULT_SETTINGS, privateMessages: 'only_friends', friends: 'EVERYONE' }
    expect(events).toMatchObject([
      { kind: 'settings', user, settings: first },
      { kind: 'settings', user, settings: { ...first, privateMessages: 'all', situationReactions: 'hide' } }
    ])
    expect(events.map(({ changed }) => [...changed].sort())).toEqual([
      ['friends', 'privateMessages'],
      ['privateMessages', 'situationReactions']
    ])
    // By the clock of the database.
    expect(Math.abs((events[0]?.at ?? 0) - from)).toBeLessThan(60_000)
  })

  it('has nothing of a change that changes nothing', async () => {
    const user = newUser()
    await settings.change(user, {})
    await settings.change(user, DEFAULT_SETTINGS)
    await settings.change(user, { blockedMessages: 'hide' })
    await settings.change(user, { blockedMessages: 'hide' })
    expect((await told()).map(({ changed }) => changed)).toEqual([['blockedMessages']])
  })

  it('has each of many changes at once, each as the one before it left it', async () => {
    const users = newUsers(5)
    const values = [{ privateMessages: 'only_friends' }, { privateMessages: 'all' }, { friends: 'FRIENDS' }] as const
    const change = async (user: Address): Promise<void> => {
      for (const value of values) await settings.change(user, value)
    }
    await Promise.all([...users, ...users, ...users].map(change))
    const events = await told()
    for (const user of users) {
      let before: UserSettings = DEFAULT_SETTINGS
      const own = events.filter(event => event.user === user)
      for (const { settings: after, changed } of own) {
        const keys = Object.keys(after) as (keyof UserSettings)[]
        expect(changed).toEqual(keys.filter(key => after[key] !== before[key]))
        before = after
      }
      expect(before).toEqual(await settings.read(user))
    }
  })
})

describeEachDatabase('the outbox of a sink', kind => {
  let stores: Stores
  beforeAll(async () => {
    stores = await Stores.open(kind)
  })
  afterAll(() => stores[Symbol.asyncDispose]())
  beforeEach(() => stores.query(`truncate ${TABLES.join()}`))

  const change = (user: Address, privateMessages: 'all' | 'only_friends') =>
    new SettingsStore(stores.db).change(user, { privateMessages })

  it('has what happens to pairs and to settings in one order, from when it is first begun', async () => {
    const [alice, bob] = [newUser(), newUser()]
    await stores.act(alice, 'request', bob)
    await change(alice, 'only_friends')
    const sink = sinkOf(stores, 'chat')
    await sink.begin()
    await stores.act(bob, 'accept', alice)
    await change(alice, 'all')
    await stores.act(alice, 'block', bob)
    await sink.enqueueFromLog(100)
    expect((await sink.stats()).depth).toBe(3)
    const events = await drain(sink)
    expect(events.map(event => (event.kind === 'pair' ? event.action : event.user))).toEqual(['accept', 'block', alice])
    const seqs = events.map(({ seq }) => seq).sort((a, b) => a - b)
    expect(new Set(seqs).size).toBe(3)
    expect((await sink.stats()).depth).toBe(0)
  })

  it('is its own: what one has been told, another is told all the same', async () => {
    const [chat, mail] = [sinkOf(stores, 'chat'), sinkOf(stores, 'mail')]
    for (const sink of [chat, mail]) await sink.begin()
    await stores.act(newUser(), 'request', newUser())
    await change(newUser(), 'only_friends')
    const told = await drain(chat)
    expect(told).toHaveLength(2)
    const [leased] = await mail.lease(1, LONG_MS)
    expect(leased).toBeUndefined()
    expect(await mail.stats()).toMatchObject({ depth: 2, parked: 0, oldestAt: expect.any(Number) })
    await mail.enqueueFromLog(10)
    const [first] = await mail.lease(1, LONG_MS)
    await mail.postpone(first!, { delayMs: 0, attempts: 1, error: 'The webhook answers 410', parked: true })
    expect(await chat.stats()).toEqual({ depth: 0, parked: 0, oldestAt: null })
    expect(await chat.retryParked()).toBe(0)
    expect(await mail.parked(10)).toMatchObject([{ event: first!.event, error: 'The webhook answers 410' }])
    expect(await mail.retryParked()).toBe(1)
    expect(await drain(mail)).toEqual(told)
    expect(await knownSinks(stores.db)).toEqual(['chat', 'mail'])
  })

  it('stands still while nobody works for it, and goes on where it was', async () => {
    const sink = sinkOf(stores, 'chat')
    await sink.begin()
    await stores.act(newUser(), 'request', newUser())
    await drain(sink)
    const rows = async () => {
      const versions = TABLES.map(table => `select '${table}', ctid::text, xmin::text from ${table}`)
      return stores.query(versions.join(' union all '))
    }
    const before = await rows()
    const missed = []
    for (const user of newUsers(5)) missed.push(await stores.act(user, 'request', newUser()))
    await change(newUser(), 'only_friends')
    // No write touches what is there for sinks, however many there are.
    expect(await rows()).toEqual(before)
    await sink.begin()
    expect((await drain(sink)).slice(0, 5)).toEqual(missed)
  })
})

describeWithPostgres('a change of settings that commits late', () => {
  it('is told, when what came after it was told before', async () => {
    await using stores = await Stores.open('postgres')
    const sink = sinkOf(stores, 'chat')
    await sink.begin()
    await using slow = await stores.hold()
    const user = newUser()
    await slow.query(`insert into user_settings values ('${user}', 0, 3, 0, 0, 0)`)
    const early = await stores.act(newUser(), 'request', newUser())
    expect(await drain(sink)).toEqual([early])
    await slow.end('commit')
    expect(await drain(sink)).toMatchObject([{ kind: 'settings', user, changed: ['friends'] }])
  })

  it('is waited for by a sink that is begun, and is before it', async () => {
    await using stores = await Stores.open('postgres')
    await using slow = await stores.hold()
    const user = newUser()
    await slow.query(`insert into user_settings values ('${user}', 0, 3, 0, 0, 0)`)
    const sink = sinkOf(stores, 'chat')
    let isBegun = false
    const begun = sink.begin().then(() => {
      isBegun = true
    })
    const waiting = `select count(*) from pg_locks where not granted and database =
      (select oid from pg_database where datname = current_database())`
    await until(async () => (await stores.query<[number]>(waiting))[0]?.[0] === 1, 'it waits')
    expect(isBegun).toBe(false)
    await slow.end('commit')
    await begun
    expect(await drain(sink)).toEqual([])
    await new SettingsStore(stores.db).change(user, { friends: 'FRIENDS' })
    expect(await drain(sink)).toHaveLength(1)
  })
})

describe('an outbox in tables that are shared', () => {
  it('does not come without the name of its sink', () => {
    expect(() => new OutboxStore(undefined as never, NOTIFICATION_OUTBOX)).toThrow(/name of its sink/)
  })
})
