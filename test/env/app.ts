import { createSocialClient } from '@dcl/social-rpc-client'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { type App, createApp, type Overrides } from '../../src/app/app.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Address } from '../../src/domain/address.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { type Folder, freshDataDir } from './databases.ts'
import { scrape, valueIn } from './metric.ts'
import { paced } from './pace.ts'
import { freePort } from './ports.ts'
import { ReceivedUpdates } from './received-updates.ts'
import { until } from './until.ts'

export type V1Client = Awaited<ReturnType<typeof createSocialClient>>
export type V1Event = NonNullable<Awaited<ReturnType<V1Client['requestFriendship']>>>

/** A wallet that is logged in through the published v1 client. */
export interface V1User extends Wallet {
  readonly client: V1Client
}

/** A short end, short waits, and no limit of how often: a test that is about one of them sets it. */
const TEST_SETTINGS = {
  HOST: '127.0.0.1',
  SHUTDOWN_GRACE: '2s',
  ACTIONS_PER_MINUTE: '1000000',
  PAIR_ACTIONS_PER_MINUTE: '1000000',
  INCOMING_REQUESTS_PER_MINUTE: '1000000',
  BLOCKS_PER_MINUTE: '1000000',
  SETTINGS_PER_MINUTE: '1000000',
  MUTES_PER_MINUTE: '1000000',
  LOGINS_PER_MINUTE: '1000000',
  MAX_CONNECTIONS_PER_IP: '100000',
  MAX_CONNECTIONS_PER_USER: '10000',
  CALLS_PER_SECOND: '1000000',
  MAX_REQUESTS_PER_USER: '1000000',
  FRAMES_PER_SECOND_PER_IP: '1000000',
  BYTES_PER_SECOND_PER_IP: '1024mb',
  FAILED_LOGINS_PER_MINUTE: '1000000',
  FRAMES_PER_SECOND_PER_CONNECTION: '1000000',
  BYTES_PER_SECOND_PER_CONNECTION: '1024mb',
  STREAM_REFUSAL_DELAY: '10ms',
  METRICS_TOKEN: 'metrics'
}

/** The real service on free ports, with whatever the test opens against it. */
export class Env implements AsyncDisposable {
  readonly app: App
  readonly #metricsToken: string | null
  readonly #folder: Folder | null
  readonly #opened: (() => void | Promise<void>)[] = []

  /** Streams are opened one after the other: they are told apart by their number alone. */
  #lastOpening: Promise<unknown> = Promise.resolve()

  private constructor(app: App, metricsToken: string | null, folder: Folder | null) {
    this.app = app
    this.#metricsToken = metricsToken
    this.#folder = folder
  }

  /**
   * Starts the service, on an embedded database that is gone afterwards unless `settings` names another.
   * @param settings environment variables, over those of a test
   */
  static async start(settings: Record<string, string> = {}, overrides: Overrides = {}): Promise<Env> {
    const logger = createLogger({ level: 'error', format: 'json' })
    const isNamed = 'DATABASE_URL' in settings || 'DATA_DIR' in settings
    const folder = isNamed ? null : await freshDataDir()
    // It answers, however busy the machine is.
    const connectMs = Math.min(60_000, paced(folder ? 20_000 : 2_000))
    const database = { DATABASE_CONNECT_TIMEOUT: `${connectMs}ms`, ...(folder && { DATA_DIR: folder.path }) }
    try {
      const ports = { HTTP_PORT: String(await freePort()), RPC_PORT: String(await freePort()) }
      const config = readConfig({ ...TEST_SETTINGS, ...ports, ...database, ...settings })
      return new Env(await createApp(config, { logger, ...overrides }), config.metricsToken, folder)
    } catch (error) {
      await folder?.[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Logs a wallet in, a new one unless one is given: another device of the same user. */
  async login(wallet?: Wallet): Promise<V1User> {
    const { address, identity } = wallet ?? (await createWallet())
    const client = await createSocialClient(this.app.httpUrl, this.app.rpcUrl, address, identity)
    this.onStop(() => client.disconnect())
    return { address, identity, client }
  }

  /** Collects the updates of a user, from when this resolves. */
  async updates(user: V1User): Promise<Inbox> {
    return this.opened(user.address, () => new Inbox(user.client))
  }

  /** Opens a stream of a user, and resolves when the service has it: what happens from then on is sent on it. */
  opened<Stream>(address: Address, open: () => Stream | Promise<Stream>): Promise<Stream> {
    const opening = this.#lastOpening.then(() => this.#open(address, open))
    this.#lastOpening = opening.catch(() => undefined)
    return opening
  }

  /** Streams that are open on the service, of all users. */
  async openStreams(): Promise<number> {
    const text = await scrape(this.app.httpUrl, this.#metricsToken ?? '')
    const kinds = ['updates', 'connectivity', 'positions']
    return kinds.reduce((sum, kind) => sum + valueIn(text, `social_streams_open{kind="${kind}"}`), 0)
  }

  async #open<Stream>(address: Address, open: () => Stream | Promise<Stream>): Promise<Stream> {
    let others = await this.openStreams()
    const stream = await open()
    await until(async () => {
      const all = await this.openStreams()
      // One of another test may have been about to end.
      others = Math.min(others, all)
      return all > others
    }, `the stream of ${address} is open`)
    return stream
  }

  onStop(close: () => void | Promise<void>): void {
    this.#opened.unshift(close)
  }

  async stop(): Promise<void> {
    for (const close of this.#opened.splice(0)) await close()
    await this.app.stop()
    await this.#folder?.[Symbol.asyncDispose]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** The updates that one device received, oldest first. */
export class Inbox extends ReceivedUpdates<V1Event> {
  constructor(client: V1Client) {
    super(oneByOne(client.subscribeToFriendshipRequests()))
  }

  get events(): V1Event[] {
    return this.items
  }
}

async function* oneByOne<Item>(batches: AsyncIterable<readonly Item[]>): AsyncGenerator<Item> {
  for await (const batch of batches) yield* batch
}

/** All addresses of a streamed list. */
export async function collect(pages: AsyncIterable<{ address: string }[]>): Promise<string[]> {
  const all: string[] = []
  for await (const page of pages) all.push(...page.map(({ address }) => address))
  return all
}
