import '../../demo/silence.ts'
import { Authenticator } from '@dcl/crypto'
import { SocialClient } from 'dcl-social-client'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { MatrixEnv } from './matrix.ts'

/** A wallet that is logged in, and listens, through the published client of the Matrix API. */
export interface ChatUser extends Wallet {
  readonly client: SocialClient
  /** By which Matrix, and so the client, knows the user. */
  readonly id: string
}

/** Logs a wallet in, a new one unless one is given. The client listens until it logs out or the test is over. */
export async function loginToChat({ env }: MatrixEnv, wallet?: Wallet): Promise<ChatUser> {
  const { address, identity } = wallet ?? (await createWallet())
  const timestamp = Date.now()
  const authChain = Authenticator.signPayload(identity, String(timestamp))
  const client = await SocialClient.loginToServer(env.app.httpUrl, address, timestamp, authChain)
  env.onStop(async () => {
    if (client.isLoggedIn()) await client.logout()
  })
  return { address, identity, client, id: client.getUserId() }
}
