import { Authenticator } from '@dcl/crypto'
import type { Wallet } from '../../demo/wallet.ts'

/** Logs a wallet in as every client does. @returns the access token */
export async function logIn(httpUrl: string, { address, identity }: Wallet): Promise<string> {
  const timestamp = String(Date.now())
  const response = await fetch(`${httpUrl}/_matrix/client/r0/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      type: 'm.login.decentraland',
      identifier: { type: 'm.id.user', user: address },
      timestamp,
      auth_chain: Authenticator.signPayload(identity, timestamp)
    })
  })
  const body = (await response.json()) as { access_token?: string }
  if (!body.access_token) throw new Error(`The login failed with status ${response.status}`)
  return body.access_token
}
