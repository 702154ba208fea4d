import { createSocialClient } from '@dcl/social-rpc-client'
import { createApp } from '../app.ts'
import { readConfig } from '../config.ts'
import type { Address } from '../domain/address.ts'
import { createWallet } from './wallet.ts'

type Client = Awaited<ReturnType<typeof createSocialClient>>
type FriendshipEvent = NonNullable<Awaited<ReturnType<Client['requestFriendship']>>>

/** How long a step may wait for an update, in milliseconds. */
const UPDATE_DEADLINE_MS = 1000

interface User {
  readonly name: string
  readonly address: Address
  readonly client: Client
}

/**
 * Shows the main job of the service: it starts one on an embedded database that is gone afterwards, and lets three
 * real wallets become friends through the published client. Prints a line for each step.
 * @returns the exit code: 0, or 1 when a step failed
 */
export async function demo(): Promise<number> {
  const steps = new Steps()
  const closing: (() => Promise<void> | void)[] = []
  try {
    const config = readConfig({ HOST: '127.0.0.1', HTTP_PORT: '0', RPC_PORT: '0', LOG_LEVEL: 'error' })
    const app = await steps.run('The service starts on an embedded database', () =>
      createApp(config, { inMemory: true })
    )
    closing.push(() => app.stop())

    const login = (name: string): Promise<User> =>
      steps.run(`${name} logs in with a new wallet`, async () => {
        const { address, identity } = await createWallet()
        const client = await createSocialClient(app.httpUrl, app.rpcUrl, address, identity)
        closing.push(() => client.disconnect())
        return { name, address, client }
      })
    const alice = await login('Alice')
    const bob = await login('Bob')
    const carol = await login('Carol')

    const subscribe = (user: User): Promise<Updates> =>
      steps.run(`${user.name} subscribes to updates`, async () => {
        const updates = new Updates(user, [alice, bob, carol])
        await until(() => app.subscribers(user.address) > 0)
        return updates
      })
    const toAlice = await subscribe(alice)
    const toBob = await subscribe(bob)
    const toCarol = await subscribe(carol)

    await steps.run('Alice asks Bob: "Shall we build a world?"', () =>
      alice.client.requestFriendship(bob.address, 'Shall we build a world?')
    )
    await steps.run('Bob sees the request at once', () => toBob.expect('request of Alice "Shall we build a world?"'))
    await steps.run('Bob accepts', () => bob.client.acceptFriendshipRequest(alice.address))
    await steps.run('Alice is told', () => toAlice.expect('accept of Bob'))
    await steps.run('Both list each other', async () => {
      await expectFriends(alice, [bob])
      await expectFriends(bob, [alice])
    })

    await steps.run('Carol befriends Alice and Bob', async () => {
      for (const [friend, updates] of [[alice, toAlice] as const, [bob, toBob] as const]) {
        await carol.client.requestFriendship(friend.address)
        await updates.expect('request of Carol')
        await friend.client.acceptFriendshipRequest(carol.address)
        await toCarol.expect(`accept of ${friend.name}`)
      }
    })
    await steps.run('Alice and Bob have Carol in common', async () => {
      expectSame(await collect(alice.client.getMutualFriends(bob.address)), [carol.address])
    })

    await steps.run('Carol ends her friendship with Bob, who is told', async () => {
      await carol.client.removeFriend(bob.address)
      await toBob.expect('delete of Carol')
      await expectFriends(bob, [alice])
    })
    await steps.run('Bob asks Carol again, and takes it back', async () => {
      await bob.client.requestFriendship(carol.address)
      await toCarol.expect('request of Bob')
      await bob.client.cancelFriendshipRequest(carol.address)
      await toCarol.expect('cancel of Bob')
    })
    await steps.run('Bob asks once more, and Carol rejects', async () => {
      await bob.client.requestFriendship(carol.address)
      await toCarol.expect('request of Bob')
      await carol.client.rejectFriendshipRequest(bob.address)
      await toBob.expect('reject of Carol')
      await expectFriends(carol, [alice])
    })
  } catch (error) {
    console.error(`✗ ${steps.current}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const close of closing.reverse()) await close()
  }
  console.log(`Done in ${steps.elapsed()}.`)
  return 0
}

/** Names and times each step. */
class Steps {
  current = 'Start'
  readonly #startedAt = performance.now()

  async run<T>(name: string, step: () => Promise<T>): Promise<T> {
    this.current = name
    const startedAt = performance.now()
    const result = await step()
    console.log(`✓ ${name.padEnd(52)} ${readable(performance.now() - startedAt).padStart(8)}`)
    return result
  }

  elapsed(): string {
    return readable(performance.now() - this.#startedAt)
  }
}

const readable = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

/** The updates that one user has been told, in words. */
class Updates {
  readonly #told: string[] = []
  readonly #names: ReadonlyMap<string, string>

  constructor(user: User, everybody: readonly User[]) {
    this.#names = new Map(everybody.map(({ address, name }) => [address, name]))
    this.#listen(user.client).catch(() => undefined) // ends with the socket
  }

  /** Waits until the next update is this one. */
  async expect(update: string): Promise<void> {
    await until(() => this.#told.length > 0)
    const told = this.#told.shift()
    if (told !== update) throw new Error(`expected "${update}", but was told "${told}"`)
  }

  async #listen(client: Client): Promise<void> {
    for await (const events of client.subscribeToFriendshipRequests())
      this.#told.push(...events.map(e => this.#inWords(e)))
  }

  #inWords(event: FriendshipEvent): string {
    const [action, body] = Object.entries(event).find(([, value]) => value !== undefined) ?? []
    const message = event.request?.message ? ` "${event.request.message}"` : ''
    return `${action} of ${this.#names.get(body?.user?.address ?? '')}${message}`
  }
}

/** Waits for a condition, not for a time. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + UPDATE_DEADLINE_MS
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`nothing came within ${UPDATE_DEADLINE_MS} ms`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

async function expectFriends(user: User, friends: readonly User[]): Promise<void> {
  expectSame(
    await collect(user.client.getFriends()),
    friends.map(({ address }) => address)
  )
}

async function collect(pages: AsyncGenerator<{ address: string }[]>): Promise<string[]> {
  const addresses: string[] = []
  for await (const page of pages) addresses.push(...page.map(({ address }) => address))
  return addresses
}

function expectSame(actual: readonly string[], expected: readonly string[]): void {
  if ([...actual].sort().join() !== [...expected].sort().join()) {
    throw new Error(`expected ${expected.join(', ') || 'nobody'}, but found ${actual.join(', ') || 'nobody'}`)
  }
}
