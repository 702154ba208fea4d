import { SocialClientInternalServerError } from '@dcl/social-rpc-client'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Env, type Inbox, type V1User } from '../env/app.ts'
import { describeWithPostgres, freshPostgres } from '../env/databases.ts'
import { LogReader } from './log-reader.ts'
import { TcpProxy } from './tcp-proxy.ts'

const UNKNOWN = 'The outcome is not known, look and try again'

describeWithPostgres('A write whose connection breaks', () => {
  let proxy: TcpProxy
  let log: LogReader
  let env: Env
  let clock = Date.now()
  let alice: V1User
  let bob: V1User
  let toAlice: Inbox
  let toBob: Inbox

  beforeAll(async () => {
    const url = await freshPostgres()
    proxy = await TcpProxy.start(url)
    log = await LogReader.open(url)
    env = await Env.start({ DATABASE_URL: proxy.url }, { now: () => clock })
  })
  beforeEach(async () => {
    proxy.inspect = () => 'pass'
    clock = Date.now()
    alice = await env.login()
    bob = await env.login()
    toAlice = await env.updates(alice)
    toBob = await env.updates(bob)
  })
  afterAll(async () => {
    await env.stop()
    await log[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })

  /** Breaks the connection of the next writes, the moment before they reach the server. */
  function breakBefore(times: number): void {
    let left = times
    proxy.inspect = (data, from) => (from === 'client' && isWrite(data) && left-- > 0 ? 'break' : 'pass')
  }

  /** Breaks the connection of the next write when it is committed, before the answer; and first does what is to be done. */
  function breakAfter(meanwhile: () => Promise<unknown> = async () => undefined): void {
    let writing: number | undefined
    proxy.inspect = async (data, from, connection) => {
      if (from === 'client' && isWrite(data)) writing ??= connection
      if (from === 'client' || connection !== writing) return 'pass'
      proxy.inspect = () => 'pass'
      await meanwhile()
      return 'break'
    }
  }

  const logged = () => log.ofPair(alice.address, bob.address)

  test.each(['before it is committed', 'after it was committed'])('is written and sent once: %s', async when => {
    const breakOnce = (): void => (when === 'before it is committed' ? breakBefore(1) : breakAfter())
    // The first write of a pair is another statement than those that follow.
    breakOnce()
    const asked = await alice.client.requestFriendship(bob.address, 'hi')
    expect(await toBob.next()).toEqual({ request: { ...asked?.request, user: { address: alice.address } } })
    breakOnce()
    expect((await bob.client.acceptFriendshipRequest(alice.address))?.accept?.user?.address).toBe(alice.address)
    expect((await toAlice.next()).accept?.user?.address).toBe(bob.address)
    breakOnce()
    await alice.client.removeFriend(bob.address)
    expect((await toBob.next()).delete?.user?.address).toBe(alice.address)
    expect((await logged()).map(({ action }) => action)).toEqual(['request', 'accept', 'delete'])
    expect([toAlice.events, toBob.events]).toEqual([[], []])
  })

  test('leaves nothing, and is answered as unknown, when it never arrives', async () => {
    breakBefore(2)
    await expect(alice.client.requestFriendship(bob.address)).rejects.toEqual(
      new SocialClientInternalServerError(UNKNOWN)
    )
    expect(await logged()).toEqual([])
    expect(toBob.events).toEqual([])
    await alice.client.requestFriendship(bob.address)
    await toBob.next()
  })

  test('is answered as done although the other has answered it already', async () => {
    breakAfter(() => bob.client.rejectFriendshipRequest(alice.address))
    const asked = await alice.client.requestFriendship(bob.address, 'hi')
    expect(asked?.request?.message).toBe('hi')
    expect((await logged()).map(({ action }) => action)).toEqual(['request', 'reject'])
    expect((await toBob.next()).request?.message).toBe('hi')
    expect((await toAlice.next()).reject?.user?.address).toBe(bob.address)
    expect(await alice.client.getRequestEvents()).toMatchObject({ outgoing: { total: 0 } })
  })

  test('is answered as done, however long it takes to find out', async () => {
    const at = clock
    breakAfter(async () => {
      clock += 11_000
    })
    const asked = await alice.client.requestFriendship(bob.address)
    expect(asked?.request?.createdAt).toBe(Math.floor(at / 1000))
    expect(await logged()).toHaveLength(1)
  })

  test('is sent to the other although the database was away, and is recognized when it is sent again', async () => {
    breakAfter(async () => proxy.refuse())
    const request = () => alice.client.requestFriendship(bob.address, 'hi')
    await expect(request()).rejects.toThrow('The database is not available, try again')
    proxy.accept()
    // Nothing else happens that would make the service look.
    const update = await toBob.next()
    const again = await request()
    expect(update).toEqual({ request: { ...again?.request, user: { address: alice.address } } })
    expect(await logged()).toHaveLength(1)
    await alice.client.cancelFriendshipRequest(bob.address)
    expect((await toBob.next()).cancel?.user?.address).toBe(alice.address)
  })

  test('is decided anew when somebody else was faster', async () => {
    let isFirst = true
    proxy.inspect = async (data, from) => {
      if (from === 'server' || !isWrite(data) || !isFirst) return 'pass'
      isFirst = false
      await bob.client.requestFriendship(alice.address)
      return 'break'
    }
    await expect(alice.client.requestFriendship(bob.address)).rejects.toThrow(
      'Invalid friendship event update transition'
    )
    expect((await logged()).map(({ actor }) => actor)).toEqual([bob.address])
  })
})

function isWrite(data: Buffer): boolean {
  return data.includes('pair-insert') || data.includes('pair-swap')
}
