import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSocialClient, createSocialClientV2 } from '@dcl/social-rpc-client'
import { type App, createApp } from '../src/app/app.ts'
import { readConfig } from '../src/config/config.ts'
import type { Address } from '../src/domain/address.ts'
import { EXPLORER_STREAMS, Explorer } from './explorer.ts'
import type { Steps } from './steps.ts'
import { expectSame, Updates, until } from './updates.ts'
import { createWallet, type Wallet } from './wallet.ts'

type V1Client = Awaited<ReturnType<typeof createSocialClient>>
type V1Event = NonNullable<Awaited<ReturnType<V1Client['requestFriendship']>>>
type V2Client = ReturnType<typeof createSocialClientV2>

interface Person<Client> extends Wallet {
  readonly name: string
  readonly client: Client
}

/** Somebody who speaks protocol v1 through the published client. */
export type V1Person = Person<V1Client>
/** Somebody who speaks protocol v2 through the published client. */
export type V2Person = Person<V2Client>

const SETTINGS = {
  HOST: '127.0.0.1',
  HTTP_PORT: '0',
  RPC_PORT: '0',
  LOG_LEVEL: 'error',
  // Whoever leaves is offline at once, so that nobody has to wait to see it.
  PRESENCE_GRACE: '0s',
  METRICS_TOKEN: 'demonstration'
}

/** A running service, and its users. */
export class Stage {
  readonly steps: Steps
  readonly #app: App
  readonly #dataDir: string
  readonly #names = new Map<string, string>()
  readonly #leaving: (() => void)[] = []

  private constructor(app: App, dataDir: string, steps: Steps) {
    this.#app = app
    this.#dataDir = dataDir
    this.steps = steps
  }

  /**
   * Starts a service on free ports, with an embedded database in a temporary folder.
   * @param settings environment variables beside those of every demonstration
   */
  static async open(steps: Steps, settings: Readonly<Record<string, string>> = {}): Promise<Stage> {
    const dataDir = await mkdtemp(join(tmpdir(), 'social-service-'))
    try {
      return new Stage(await createApp(readConfig({ ...SETTINGS, DATA_DIR: dataDir, ...settings })), dataDir, steps)
    } catch (error) {
      await rm(dataDir, { recursive: true, force: true })
      throw error
    }
  }

  get httpUrl(): string {
    return this.#app.httpUrl
  }

  /** Logs somebody in on v1: with a new wallet, unless it is another device of the same person. */
  async login(name: string, wallet?: Wallet): Promise<V1Person> {
    const { httpUrl, rpcUrl } = this.#app
    const { address, identity } = wallet ?? (await createWallet())
    const client = await createSocialClient(httpUrl, rpcUrl, address, identity)
    return this.#welcome({ name, address, identity, client })
  }

  /** Connects somebody on v2: with a new wallet, unless it is another device of the same person. */
  async connect(name: string, wallet?: Wallet): Promise<V2Person> {
    const { address, identity } = wallet ?? (await createWallet())
    const client = createSocialClientV2(this.#app.rpcUrl)
    await client.connect(identity)
    return this.#welcome({ name, address, identity, client })
  }

  /** Listens to a stream, from when this resolves. */
  async listen<Update>(stream: AsyncIterable<Update>, inWords: (update: Update) => string): Promise<Updates> {
    const updates = new Updates()
    await this.#opened(1, () => updates.listen(stream, inWords))
    return updates
  }

  /** Lets an explorer with a new wallet in. */
  async explore(name: string): Promise<Explorer> {
    const explorer = await Explorer.connect(this.#app.rpcUrl, address => this.nameOf(address))
    this.#names.set(explorer.address, name)
    this.#leaving.push(() => explorer.leave())
    return explorer
  }

  /** Lets an explorer listen to all that there is, from when this resolves. */
  subscribe(explorer: Explorer): Promise<void> {
    return this.#opened(EXPLORER_STREAMS, () => explorer.subscribe())
  }

  /** Streams that are open, by the metrics of the service. */
  async openStreams(): Promise<number> {
    const headers = { authorization: `Bearer ${SETTINGS.METRICS_TOKEN}` }
    const metrics = await (await fetch(`${this.#app.httpUrl}/metrics`, { headers })).text()
    const counts = metrics.matchAll(/^social_streams_open\{.*\} (\d+)$/gm)
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  nameOf(address: string | undefined): string {
    return this.#names.get(address ?? '') ?? 'somebody'
  }

  /** Lets everybody leave, stops the service, and removes what it kept. */
  async close(): Promise<void> {
    for (const leave of this.#leaving) leave()
    await this.#app.stop()
    await rm(this.#dataDir, { recursive: true, force: true })
  }

  /** Opens streams, and waits until the service has so many more. */
  async #opened(count: number, open: () => void): Promise<void> {
    const others = await this.openStreams()
    open()
    await until(async () => (await this.openStreams()) >= others + count)
  }

  #welcome<Client extends { disconnect(): void }>(person: Person<Client>): Person<Client> {
    this.#names.set(person.address, person.name)
    this.#leaving.push(() => person.client.disconnect())
    return person
  }
}

/** Listens to the friendship updates of somebody on v1. */
export function listenOnV1(stage: Stage, person: V1Person): Promise<Updates> {
  const inWords = (event: V1Event): string => {
    const [action, body] = Object.entries(event).find(([, value]) => value !== undefined) ?? []
    const message = event.request?.message ? ` "${event.request.message}"` : ''
    return `${action} of ${stage.nameOf(body?.user?.address)}${message}`
  }
  const stream = person.client.subscribeToFriendshipRequests()
  return stage.listen(stream, events => events.map(inWords).join(', '))
}

export async function expectFriends({ client }: V1Person, friends: readonly { address: Address }[]): Promise<void> {
  const addresses = friends.map(({ address }) => address)
  expectSame(await collect(client.getFriends()), addresses)
}

/** All addresses of a list that v1 streams. */
export async function collect(pages: AsyncIterable<{ address: string }[]>): Promise<string[]> {
  const addresses: string[] = []
  for await (const page of pages) addresses.push(...page.map(({ address }) => address))
  return addresses
}
