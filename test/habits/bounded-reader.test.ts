import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { seededUsers, seedRelations } from '../env/seed.ts'
import { type CatalystServer, catalystProfile, startCatalyst } from '../profiles/catalyst-server.ts'
import { BoundedReader } from './bounded-reader.ts'

/** What an answer may have, with the frame around it. */
const MAX_BYTES = 96 * 1024
const FRIENDS = 2_000
const BLOCKED = 500

const USUAL = seededUsers(1, FRIENDS)
/** Whose names have three bytes a character, in the number that Catalyst profiles are taken with. */
const LONG = seededUsers(2, FRIENDS)
const STRANGERS = seededUsers(3, BLOCKED)
const BLOCKERS = seededUsers(4, 3_000)

const nameOf = (id: string): string => (id.startsWith('0x1') ? `Builder${id.slice(-4)}` : '\u540d'.repeat(200))
const addresses = (shown: readonly { address: string }[]): string[] => shown.map(({ address }) => address)

describeWithPostgres('a client that reads messages into a buffer, and breaks on a longer one', () => {
  let env: Env
  let catalyst: CatalystServer
  let usual: Wallet
  let long: Wallet
  beforeAll(async () => {
    const url = await freshPostgres()
    catalyst = await startCatalyst()
    catalyst.onCall = ids =>
      ids.map(id => {
        const face256 = `https://profile-images.decentraland.org/entities/bafkrei${id.padEnd(52, 'x')}/face.png`
        return catalystProfile(id, { name: nameOf(id), avatar: { snapshots: { face256 } } })
      })
    env = await Env.start({ DATABASE_URL: url, CATALYST_URL: catalyst.url, CATALYST_TIMEOUT: '20s' })
    usual = await createWallet()
    long = await createWallet()
    await seedRelations(url, usual.address, { friends: USUAL, blocked: STRANGERS })
    await seedRelations(url, long.address, { friends: LONG, blocked: STRANGERS, blockedBy: BLOCKERS })
  })
  afterAll(async () => {
    await env.stop()
    await catalyst[Symbol.asyncDispose]()
  })

  it('starts with a thousand friends, and pages through two thousand with pictures', async () => {
    const reader = await BoundedReader.connect(env, usual)
    const [first, second] = [await reader.friends(0, 1000), await reader.friends(1, 1000)]
    expect([...addresses(first.shown), ...addresses(second.shown)]).toEqual(USUAL)
    expect([first.total, first.page, second.total, second.page]).toEqual([FRIENDS, 1, FRIENDS, 2])
    const { name, hasClaimedName, profilePictureUrl, nameColor } = first.shown[17]!
    expect([name, hasClaimedName, profilePictureUrl]).toEqual(['Builder0011', true, ''])
    expect(nameColor).toBeDefined()

    const panel = await reader.allFriends()
    expect(addresses(panel)).toEqual(USUAL)
    expect(panel.every(friend => friend.profilePictureUrl.endsWith('/face.png'))).toBe(true)
    expect(reader.longest).toBeLessThanOrEqual(MAX_BYTES)
    expect(reader.isConnected).toBe(true)
  })

  it('starts with fewer friends where names are long, and pages through all of them', async () => {
    const reader = await BoundedReader.connect(env, long)
    const { shown, total, page } = await reader.friends(0, 1000)
    expect(addresses(shown)).toEqual(LONG.slice(0, shown.length))
    // As many as there are bytes for, without pictures and colours.
    expect(shown.length).toBeGreaterThan(140)
    expect([total, page, shown.at(-1)?.name]).toEqual([FRIENDS, 1, nameOf(LONG[0]!)])
    expect(reader.longest).toBeGreaterThan(MAX_BYTES - 1_000)

    // Pages of the sizes that explorers go on by are never shorter, or some friends would never be asked for.
    const hundred = await reader.friends(3, 100)
    expect(addresses(hundred.shown)).toEqual(LONG.slice(300, 400))
    expect(addresses(await reader.allFriends())).toEqual(LONG)
    expect(reader.longest).toBeLessThanOrEqual(MAX_BYTES)
    expect(reader.isConnected).toBe(true)
  })

  it('has all of five hundred blocked users, and of thousands the latest', async () => {
    const reader = await BoundedReader.connect(env, usual)
    const latest = STRANGERS.toReversed()
    expect((await reader.service.getBlockingStatus({})).blockedUsers).toEqual(latest)
    expect(addresses(await reader.allBlocked())).toEqual(latest)

    const other = await BoundedReader.connect(env, long)
    const { blockedUsers, blockedByUsers } = await other.service.getBlockingStatus({})
    expect(blockedUsers).toEqual(latest)
    expect(blockedByUsers.length).toBeGreaterThan(1_700)
    expect(blockedByUsers).toEqual(BLOCKERS.toReversed().slice(0, blockedByUsers.length))
    const { profiles, paginationData } = await other.service.getBlockedUsers({})
    expect(addresses(profiles)).toEqual(latest.slice(0, profiles.length))
    expect(paginationData).toEqual({ total: BLOCKED, page: 1 })
    for (const { longest, isConnected } of [reader, other]) {
      expect(longest).toBeLessThanOrEqual(MAX_BYTES)
      expect(isConnected).toBe(true)
    }
  })
})
