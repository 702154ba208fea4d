import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { Env } from '../env/app.ts'
import { describeWithNats, freshPostgres, postgresUrl } from '../env/databases.ts'
import { metric } from '../env/metric.ts'
import { NatsServer } from '../env/nats.ts'
import { paced } from '../env/pace.ts'
import { Peers } from '../env/peers.ts'
import { PresenceClient } from '../env/presence-client.ts'
import { RedisServer, redisProgram } from '../env/redis.ts'
import { until } from '../env/until.ts'
import { connectivity, listen, loginV2, type V2User } from '../env/v2.ts'

/** Departures are told at once, as far as nothing else is said. */
const SETTINGS = { PRESENCE_SOURCE: 'nats', PRESENCE_GRACE: '0ms' }
const NOBODY_BEATS = { PRESENCE_HEARTBEAT_TIMEOUT: '1h' }

describeWithNats('presence from the world', () => {
  let nats: NatsServer
  let peers: Peers
  /** Where only the world makes users online. */
  let env: Env
  beforeAll(async () => {
    nats = await NatsServer.start()
    peers = await Peers.connect(nats)
    env = await start(NOBODY_BEATS)
    envs.length = 0
  })
  afterAll(async () => {
    await env.stop()
    await peers[Symbol.asyncDispose]()
    await nats[Symbol.asyncDispose]()
  })
  const envs: Env[] = []
  afterEach(async () => {
    for (const env of envs.splice(0)) await env.stop()
  })

  async function start(settings: Record<string, string>, isAway = false): Promise<Env> {
    const env = await Env.start({ ...SETTINGS, NATS_URL: nats.url, ...settings })
    envs.push(env)
    if (!isAway) await until(async () => (await connected(env)) === 1, 'NATS is connected')
    return env
  }

  const connected = (env: Env): Promise<number> => metric(env.app.httpUrl, 'metrics', 'social_nats_connected')
  const counted = (env: Env, reason: string): Promise<number> =>
    metric(env.app.httpUrl, 'metrics', `social_world_events_ignored_total{reason="${reason}"}`)

  /** A user with friends, none of whom has a socket any more. */
  async function friendsOf(env: Env, count: number): Promise<[PresenceClient, ...PresenceClient[]]> {
    const alice = await PresenceClient.connect(env.app)
    env.onStop(() => alice.disconnect())
    const friends = []
    for (let number = 0; number < count; number += 1) {
      const friend = await PresenceClient.connect(env.app)
      await alice.befriend(friend)
      friend.disconnect()
      friends.push(friend)
    }
    return [alice, ...friends]
  }

  async function watch(env: Env, user: PresenceClient): Promise<() => Promise<string>> {
    const { client }: V2User = await loginV2(env, user.wallet)
    const updates = await listen(env, user.address, client.subscribeToFriendConnectivityUpdates())
    return async () => connectivity(await updates.next())
  }

  const online = ({ address }: { address: Address }): string => `${address} online`
  const offline = ({ address }: { address: Address }): string => `${address} offline`

  it('tells friends who comes by a heartbeat or into a world, and who goes', async () => {
    const [alice, bob, carol] = await friendsOf(env, 2)
    await peers.beat(bob!)
    const next = await watch(env, alice)
    expect(await next()).toBe(online(bob!))
    await peers.say('world.join', carol!)
    expect(await next()).toBe(online(carol!))
    expect((await alice.onlineFriends()).flat().sort()).toEqual([bob!.address, carol!.address].sort())
    await peers.say('disconnect', bob!)
    expect(await next()).toBe(offline(bob!))
    await peers.say('world.leave', carol!)
    expect(await next()).toBe(offline(carol!))
    await peers.beat(bob!)
    expect(await next()).toBe(online(bob!))
    await peers.say('connect', bob!)
    expect(await next()).toBe(offline(bob!))
    expect((await alice.onlineFriends()).flat()).toEqual([])
  })

  it('is over when no heartbeat comes any more', async () => {
    const env = await start({ PRESENCE_HEARTBEAT_TIMEOUT: '500ms' })
    const [alice, bob] = await friendsOf(env, 1)
    const next = await watch(env, alice)
    await peers.beat(bob!)
    expect([await next(), await next()]).toEqual([online(bob!), offline(bob!)])
  })

  it('does not come of the socket of a website', async () => {
    const [alice, bob, carol] = await friendsOf(env, 2)
    const next = await watch(env, alice)
    const website = await loginV2(env, bob!.wallet)
    await website.client.getMutualFriends(carol!.address).catch(() => undefined)
    const old = await PresenceClient.connect(env.app, bob!.wallet, bob!.token)
    env.onStop(() => old.disconnect())
    await old.heartbeat({ realm: 'main' })
    await peers.beat(carol!)
    expect(await next()).toBe(online(carol!))
    expect((await alice.onlineFriends()).flat()).toEqual([carol!.address])
  })

  it('is what a position of a v1 client needs to be shown', async () => {
    const [alice, bob] = await friendsOf(env, 1)
    const client = await PresenceClient.connect(env.app, bob!.wallet, bob!.token)
    env.onStop(() => client.disconnect())
    const seen = await env.opened(alice.address, () => alice.observe())
    await client.heartbeat({ realm: 'website' })
    const next = await watch(env, alice)
    await peers.beat(bob!)
    expect(await next()).toBe(online(bob!))
    await until(() => seen.last('website') !== undefined, 'it is shown with the first heartbeat')
    await peers.say('disconnect', bob!)
    expect(await next()).toBe(offline(bob!))
    await peers.beat(bob!)
    expect(await next()).toBe(online(bob!))
    const other = await PresenceClient.connect(env.app, alice.wallet, alice.token)
    env.onStop(() => other.disconnect())
    const marked = await env.opened(alice.address, () => other.observe())
    await client.heartbeat({ realm: 'mark' })
    await until(() => marked.last('mark') !== undefined, 'what came later is received')
    expect(marked.positions).toEqual([{ realm: 'mark' }])
  })

  it('ignores what no peer says, and counts it', async () => {
    const [alice, bob, carol] = await friendsOf(env, 2)
    const next = await watch(env, alice)
    await peers.publish(`peer.${bob!.address}.heartbeat`, Buffer.alloc(100_000))
    await peers.publish('peer.0x1.heartbeat')
    await peers.publish('peer.guest.world.join')
    await peers.publish(`peer.${bob!.address}.dance`)
    // Who is meant is in the subject: what else there is, nobody reads.
    await peers.publish(`peer.${carol!.address.toUpperCase().replace('0X', '0x')}.heartbeat`, randomBytes(64))
    expect(await next()).toBe(online(carol!))
    expect([await counted(env, 'too_large'), await counted(env, 'malformed')]).toEqual([1, 2])
  })

  it('comes also where sockets count, once, and goes with the last of both', async () => {
    const env = await start({ ...NOBODY_BEATS, PRESENCE_SOURCE: 'both' })
    const [alice, bob, carol] = await friendsOf(env, 2)
    await until(async () => (await alice.onlineFriends()).flat().length === 0, 'their sockets are gone')
    const next = await watch(env, alice)
    const socket = await PresenceClient.connect(env.app, bob!.wallet, bob!.token)
    await socket.onlineFriends()
    expect(await next()).toBe(online(bob!))
    await peers.beat(bob!, carol!)
    expect(await next()).toBe(online(carol!))
    await peers.say('disconnect', bob!, carol!)
    expect(await next()).toBe(offline(carol!))
    await peers.beat(bob!)
    socket.disconnect()
    await peers.beat(carol!)
    expect(await next()).toBe(online(carol!))
    await until(
      async () => (await metric(env.app.httpUrl, 'metrics', 'social_users_online_by_source{source="sockets"}')) === 1,
      'the socket is gone'
    )
    expect((await alice.onlineFriends()).flat()).toContain(bob!.address)
    await peers.say('disconnect', bob!)
    expect(await next()).toBe(offline(bob!))
  })

  it('is told to an instance that starts by one that was there, of users in worlds of their own', async () => {
    const online = (env: Env) => metric(env.app.httpUrl, 'metrics', 'social_users_online{on="all"}')
    const crowd = Array.from({ length: 3000 }, (_, number) => ({ address: `0x${String(number).padStart(40, '0')}` }))
    const one = await start(NOBODY_BEATS)
    await peers.say('world.join', ...crowd)
    await until(async () => (await online(one)) === 3000, 'they are in their worlds')
    const two = await start(NOBODY_BEATS)
    await until(async () => (await online(two)) === 3000, 'it was told')
    await one.stop()
    const three = await start(NOBODY_BEATS)
    await until(async () => (await online(three)) === 3000, 'it was told by the other')
    await peers.say('world.leave', ...crowd)
    for (const env of [two, three]) await until(async () => (await online(env)) === 0, 'they have left')
  })

  describe('while NATS is away', () => {
    it('the service starts, is ready with a warning, and hears of everybody when it is there', async () => {
      await using late = await NatsServer.create()
      const env = await start({ ...NOBODY_BEATS, NATS_URL: late.url }, true)
      const health = async () => {
        const response = await fetch(`${env.app.httpUrl}/health/ready`)
        const { details } = (await response.json()) as { details: Record<string, { status: string; output?: string }> }
        return { code: response.status, ...details['nats'] }
      }
      await until(async () => (await health()).output?.includes('ECONNREFUSED') === true, 'it says what is wrong')
      expect(await health()).toMatchObject({ code: 200, status: 'warn' })
      const [alice, bob] = await friendsOf(env, 1)
      const next = await watch(env, alice)
      await late.start()
      await until(async () => (await connected(env)) === 1, 'NATS is connected')
      expect(await health()).toEqual({ code: 200, status: 'pass' })
      await using others = await Peers.connect(late)
      await others.beat(bob!)
      expect(await next()).toBe(online(bob!))
    })

    it('nobody is gone, and afterwards only who does not beat again', async () => {
      const timeoutMs = paced(500)
      await using other = await NatsServer.start()
      const env = await start({ NATS_URL: other.url, PRESENCE_HEARTBEAT_TIMEOUT: `${timeoutMs}ms` })
      const [alice, bob, carol] = await friendsOf(env, 2)
      const next = await watch(env, alice)
      await using others = await Peers.connect(other)
      let there = [bob!]
      const beats = setInterval(() => void others.beat(...there).catch(() => undefined), timeoutMs / 20)
      env.onStop(() => clearInterval(beats))
      expect(await next()).toBe(online(bob!))
      there = [bob!, carol!]
      expect(await next()).toBe(online(carol!))
      there = [bob!]
      await other.stop('SIGKILL')
      await until(async () => (await connected(env)) === 0, 'it is noticed')
      const from = performance.now()
      await until(() => performance.now() - from > 2 * timeoutMs, 'more time has passed than a user may be silent')
      expect((await alice.onlineFriends()).flat()).toHaveLength(2)
      await other.start()
      expect(await next()).toBe(offline(carol!))
      expect((await alice.onlineFriends()).flat()).toEqual([bob!.address])
    })
  })

  describe.skipIf(postgresUrl === null)('with several instances', () => {
    const isSameOnEach = async (settings: Record<string, string>): Promise<void> => {
      const shared = { ...NOBODY_BEATS, DATABASE_URL: await freshPostgres(), ...settings }
      const [one, two] = [await start(shared), await start(shared)]
      const [alice, bob] = await friendsOf(one, 1)
      const nexts = [await watch(one, alice), await watch(two, alice)]
      const crowd = Array.from({ length: 500 }, (_, number) => ({ address: `0x${String(number).padStart(40, '0')}` }))
      await peers.beat(...crowd, bob!)
      for (const next of nexts) expect(await next()).toBe(online(bob!))
      for (const { app } of [one, two]) {
        expect(await metric(app.httpUrl, 'metrics', 'social_users_online{on="all"}')).toBe(501)
      }
      await peers.say('disconnect', bob!)
      for (const next of nexts) expect(await next()).toBe(offline(bob!))
      // Alice has sockets on both.
      for (const { app } of [one, two]) {
        expect(await metric(app.httpUrl, 'metrics', 'social_users_online_by_source{source="sockets"}')).toBe(0)
      }
      // Beats, and what an instance asks for at its start: nothing for each user.
      const sent = await metric(one.app.httpUrl, 'metrics', 'social_presence_messages_total{direction="sent"}')
      expect(sent).toBeLessThan(100)
    }

    it('is the same on each without Redis', () => isSameOnEach({}))

    it.skipIf(redisProgram() === null)('is the same on each, and is not told from one to the other', async () => {
      await using redis = await RedisServer.start()
      await isSameOnEach({ REDIS_URL: redis.url })
    })

    it.skipIf(redisProgram() === null)('does not come of a socket to another, which still counts sockets', async () => {
      await using redis = await RedisServer.start()
      const shared = { ...NOBODY_BEATS, REDIS_URL: redis.url }
      const one = await start(shared)
      const before = await start({ ...shared, PRESENCE_SOURCE: 'both' })
      const [alice] = await friendsOf(before, 0)
      const value = (series: string) => metric(one.app.httpUrl, 'metrics', series)
      await alice.onlineFriends()
      await until(async () => (await value('social_users_online_by_source{source="sockets"}')) === 1, 'it is announced')
      expect(await value('social_users_online{on="all"}')).toBe(0)
    })
  })
})
