import '../../demo/silence.ts'
import { Authenticator } from '@dcl/crypto'
import { SocialClient } from 'dcl-social-client'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { CLIENT, type MatrixEnv, type MatrixUser } from './matrix.ts'
import { until } from './until.ts'

/** A wallet that is logged in, and listens, through the published client of the Matrix API. */
export interface ChatUser extends Wallet {
  readonly client: SocialClient
  /** By which Matrix, and so the client, knows the user. */
  readonly id: string
}

/** Of each service, one more user, who looks whether others are found. */
const seekers = new WeakMap<MatrixEnv, Promise<MatrixUser>>()
/** Of each service, those who have logged in. */
const clients = new WeakMap<MatrixEnv, SocialClient[]>()

/**
 * Logs a wallet in, a new one unless one is given, and waits until others find it: the homeserver writes its directory
 * after the account. The client listens until it logs out or the service is stopped.
 */
export async function loginToChat(matrix: MatrixEnv, wallet?: Wallet): Promise<ChatUser> {
  const { env } = matrix
  const { address, identity } = wallet ?? (await createWallet())
  const timestamp = Date.now()
  const authChain = Authenticator.signPayload(identity, String(timestamp))
  const client = await SocialClient.loginToServer(env.app.httpUrl, address, timestamp, authChain)
  const known = clients.get(matrix)
  if (known === undefined) env.onStop(() => logoutFromChat(matrix))
  clients.set(matrix, [...(known ?? []), client])
  const seeker = seekers.get(matrix) ?? matrix.login()
  seekers.set(matrix, seeker)
  const { rest } = await seeker
  const isFound = async (): Promise<boolean> => {
    const { body } = await rest.post(`${CLIENT}/user_directory/search`, { search_term: address })
    return body.results.length > 0
  }
  await until(isFound, 'the user is found')
  return { address, identity, client, id: client.getUserId() }
}

/** Logs out everybody who is still in, all at once. */
async function logoutFromChat(matrix: MatrixEnv): Promise<void> {
  const open = clients.get(matrix)?.splice(0) ?? []
  await Promise.all(open.filter(client => client.isLoggedIn()).map(client => client.logout()))
}
