import type { Wallet } from '../../demo/wallet.ts'
import type { Overrides } from '../../src/app/app.ts'
import type { Address } from '../../src/domain/address.ts'
import type { Env } from './app.ts'
import { type LoggedIn, Rest, startService } from './rest.ts'
import type { SynapseAccess } from './synapse.ts'

/** A homeserver, as far as the service is configured with it. */
export type HomeserverAccess = Pick<SynapseAccess, 'url' | 'serverName' | 'asToken' | 'hsToken'>

/** A user with a session, and the id by which Matrix knows them. */
export interface MatrixUser extends LoggedIn {
  readonly userId: string
}

/** The modes in which there is chat. */
export const CHAT_MODES = ['appservice', 'passthrough'] as const

export const CLIENT = '/_matrix/client/v3'

/** The part of a path that names something. */
export const part = encodeURIComponent

/** The service in front of a homeserver that trusts it. */
export class MatrixEnv implements AsyncDisposable {
  readonly env: Env
  readonly rest: Rest
  readonly #serverName: string

  private constructor(env: Env, serverName: string) {
    this.env = env
    this.rest = new Rest(env.app.httpUrl)
    this.#serverName = serverName
  }

  /** @param settings environment variables, over those that name the homeserver */
  static async start(
    homeserver: HomeserverAccess,
    settings: Record<string, string> = {},
    overrides: Overrides = {}
  ): Promise<MatrixEnv> {
    const { url, serverName, asToken, hsToken } = homeserver
    const secrets = { MATRIX_AS_TOKEN: asToken, MATRIX_HS_TOKEN: hsToken, MATRIX_TOKEN_KEY: 'k'.repeat(32) }
    const mode = settings['MATRIX_MODE'] ?? 'appservice'
    const matrix = { MATRIX_MODE: mode, MATRIX_HOMESERVER_URL: url, SERVER_NAME: serverName }
    const env = await startService({ ...matrix, ...(mode === 'appservice' && secrets), ...settings }, overrides)
    return new MatrixEnv(env, serverName)
  }

  async login(wallet?: Wallet, deviceId?: string): Promise<MatrixUser> {
    const user = await this.rest.login(wallet, deviceId)
    return { ...user, userId: this.userId(user.address) }
  }

  /** Two users who both are in the room that they share. */
  async pair(): Promise<{ alice: MatrixUser; bob: MatrixUser; roomId: string }> {
    const [alice, bob] = await Promise.all([this.login(), this.login()])
    const made = await alice.rest.post(`${CLIENT}/createRoom`, this.pairRoom(bob))
    const roomId = made.body?.room_id
    const joined = await bob.rest.post(`${CLIENT}/join/${part(roomId)}`)
    if (made.status !== 200 || joined.status !== 200) throw new Error(`No room: ${made.text} ${joined.text}`)
    return { alice, bob, roomId }
  }

  /** What clients ask for to have a room with another user. */
  pairRoom(other: MatrixUser) {
    return { preset: 'trusted_private_chat', is_direct: true, invite: [other.userId] }
  }

  userId(address: Address): string {
    return `@${address}:${this.#serverName}`
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.env.stop()
  }
}
