import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { Env, type V1User } from '../env/app.ts'
import { describeEachDatabase, freshPostgres } from '../env/databases.ts'
import { Clock } from '../env/service.ts'
import { inWords, send } from '../model/operations.ts'
import type { Operation } from '../model/reference.ts'
import { LogReader } from './log-reader.ts'

const WINDOW_MS = 60_000

describeEachDatabase('An action that is sent again because its answer was lost', kind => {
  const clock = new Clock()
  let env: Env
  let log: LogReader | undefined
  beforeAll(async () => {
    const url = kind === 'postgres' ? await freshPostgres() : null
    env = await Env.start(url ? { DATABASE_URL: url } : {}, clock)
    if (url) log = await LogReader.open(url)
  })
  afterAll(async () => {
    await env.stop()
    await log?.[Symbol.asyncDispose]()
  })

  const shout = (address: Address): Address => address.toUpperCase().replace('0X', '0x') as Address

  test.each<[Operation['action'][]]>([
    [['request', 'accept', 'delete']],
    [['request', 'reject']],
    [['request', 'cancel']]
  ])('is answered as before for a minute, and refused after them: %j', async actions => {
    clock.at = Date.now()
    const [alice, bob] = [await env.login(), await env.login()]
    const inboxes = new Map([
      [alice, await env.updates(bob)],
      [bob, await env.updates(alice)]
    ])
    for (const action of actions) {
      const [actor, other] = action === 'accept' || action === 'reject' ? [bob, alice] : [alice, bob]
      const message = action === 'request' ? 'hi' : undefined
      const again = (target: Address = other.address): Promise<string> =>
        send(actor, { actor: actor.address, action, target, message, at: clock.at })
      const first = await again()
      const inbox = inboxes.get(actor)!
      const update = inWords(await inbox.next())
      expect(update).toBe(first.replace(other.address, actor.address))
      clock.at += WINDOW_MS - 1
      expect(await again()).toBe(first)
      clock.at += 1
      expect(await again(shout(other.address))).toBe(first)
      clock.at += 1
      expect(await again()).toMatch(/^Invalid (friendship event update transition|acting user)/)
      expect(inbox.events).toEqual([])
    }
    if (log) expect((await log.ofPair(alice.address, bob.address)).map(({ action }) => action)).toEqual(actions)
    await expectNothingElse(alice, bob, inboxes)
  })

  /** The next update is of what happens next. */
  async function expectNothingElse(alice: V1User, bob: V1User, inboxes: Map<V1User, { next(): Promise<unknown> }>) {
    await alice.client.requestFriendship(bob.address, 'bell')
    expect(await inboxes.get(alice)!.next()).toMatchObject({ request: { message: 'bell' } })
    await bob.client.acceptFriendshipRequest(alice.address)
    expect(await inboxes.get(bob)!.next()).toHaveProperty('accept')
  }

  test('is refused when it has another message', async () => {
    const [alice, bob] = [await env.login(), await env.login()]
    await alice.client.requestFriendship(bob.address, 'hi')
    await expect(alice.client.requestFriendship(bob.address, 'hello')).rejects.toThrow('Invalid friendship event')
    await expect(alice.client.requestFriendship(bob.address)).rejects.toThrow('Invalid friendship event')
    expect((await bob.client.getRequestEvents())?.incoming?.items[0]?.message).toBe('hi')
  })
})
