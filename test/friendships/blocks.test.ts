import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PairEvent } from '../../src/domain/events.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'
import { Env } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import type { ReceivedUpdates } from '../env/received-updates.ts'
import { until } from '../env/until.ts'
import { connectV2, listen, type V2Device } from '../env/v2.ts'
import { LogReader } from '../faults/log-reader.ts'
import { SEED } from '../model/seed.ts'

const BLOCKED = 6
const BLOCKED_BY = 8

/** How the two stand to each other before they act all at once. */
const BEFORE = ['nothing', 'requested', 'was requested', 'friends'] as const
const round = fc.record({
  before: fc.constantFrom(...BEFORE),
  byBlocker: fc.subarray(['request', 'cancel', 'accept', 'delete'] as const, { maxLength: 2 }),
  byOther: fc.subarray(['request', 'cancel', 'accept', 'reject', 'delete'] as const, { minLength: 1, maxLength: 3 }),
  blocksBack: fc.boolean(),
  /** After how many of the others the block is sent. */
  turn: fc.nat(5)
})
type Round = typeof round extends fc.Arbitrary<infer T> ? T : never

type FriendshipUpdate = Awaited<ReturnType<ReceivedUpdates<{ update?: { $case: string } | undefined }>['next']>>

/** One of the two, and the updates that they received. */
interface Side {
  readonly device: V2Device
  readonly received: ReceivedUpdates<FriendshipUpdate>
}

describeWithPostgres('A block', () => {
  describe.each(['one instance', 'two instances'])('on %s', instances => {
    const envs: Env[] = []
    let log: LogReader
    let alice: Side
    let bob: Side
    beforeAll(async () => {
      const url = await freshPostgres()
      for (let count = instances === 'one instance' ? 1 : 2; count > 0; count -= 1) {
        envs.push(await Env.start({ DATABASE_URL: url }))
      }
      log = await LogReader.open(url)
      alice = await side(envs[0]!)
      bob = await side(envs.at(-1)!)
    })
    afterAll(async () => {
      for (const env of envs) await env.stop()
      await log[Symbol.asyncDispose]()
    })

    async function side(env: Env): Promise<Side> {
      const device = await connectV2(env)
      return { device, received: await listen(env, device.address, device.service.subscribeToFriendshipUpdates({})) }
    }

    /** @returns the number of the event with which it was answered, or null when it was refused */
    async function act({ device }: Side, action: FriendshipAction, target: Side): Promise<number | null> {
      const body = { $case: action, [action]: { user: { address: target.device.address } } }
      const { response } = await device.service.upsertFriendship({ action: body as never })
      expect(['accepted', 'invalidFriendshipAction']).toContain(response?.$case)
      return response?.$case === 'accepted' ? Number(response.accepted.id) : null
    }

    async function setBlock({ device }: Side, target: Side, isBlocked: boolean): Promise<null> {
      const payload = { user: { address: target.device.address } }
      const { response } = await (isBlocked ? device.service.blockUser(payload) : device.service.unblockUser(payload))
      expect(response?.$case).toBe('ok')
      return null
    }

    async function prepare(before: Round['before']): Promise<void> {
      if (before === 'requested' || before === 'friends') await act(alice, 'request', bob)
      if (before === 'was requested') await act(bob, 'request', alice)
      if (before === 'friends') await act(bob, 'accept', alice)
    }

    async function play({ before, byBlocker, byOther, blocksBack, turn }: Round): Promise<void> {
      await prepare(before)
      const start = (await log.all()).length
      const operations = [
        ...byOther.map(action => () => act(bob, action, alice)),
        ...byBlocker.map(action => () => act(alice, action, bob)),
        ...(blocksBack ? [() => setBlock(bob, alice, true)] : [])
      ]
      operations.splice(turn, 0, () => setBlock(alice, bob, true))
      const answers = await Promise.all(operations.map(operation => operation()))

      // Whatever was acknowledged is in the log, and nothing but the other block comes after the first one.
      const events = await log.all()
      const numbers = events.map(({ seq }) => seq)
      for (const answer of answers) if (answer !== null) expect(numbers).toContain(answer)
      const actions = events.slice(start).map(({ action }) => action)
      expect(actions.slice(actions.indexOf('block'))).toEqual(blocksBack ? ['block', 'block'] : ['block'])
      await check(blocksBack)

      await setBlock(alice, bob, false)
      if (blocksBack) await setBlock(bob, alice, false)
    }

    async function check(isMutual: boolean): Promise<void> {
      const sides = [
        [alice, bob, BLOCKED],
        [bob, alice, isMutual ? BLOCKED : BLOCKED_BY]
      ] as const
      for (const [{ device }, other, status] of sides) {
        const user = { address: other.device.address }
        const { response } = await device.service.getFriendshipStatus({ user })
        expect(response).toMatchObject({ accepted: { status } })
        const { friends } = await device.service.getFriends({})
        const pending = (await device.service.getPendingFriendshipRequests({})).paginationData?.total
        const sent = (await device.service.getSentFriendshipRequests({})).paginationData?.total
        expect([friends, pending, sent]).toEqual([[], 0, 0])
      }
    }

    it(`wins against every operation that meets it, and the updates say the same (seed ${SEED})`, async () => {
      await fc.assert(fc.asyncProperty(round, play), { seed: SEED, numRuns: 100, endOnFailure: true })
      const events = await log.all()
      await checkReceived(alice, bob, events)
      await checkReceived(bob, alice, events)
    })

    async function checkReceived({ received }: Side, { device }: Side, events: readonly PairEvent[]): Promise<void> {
      const expected = events.filter(({ actor, action }) => actor === device.address && action !== 'unblock')
      await until(() => received.items.length >= expected.length, 'all is received')
      expect(received.items.map(({ update }) => update?.$case)).toEqual(expected.map(({ action }) => action))
    }
  })
})
