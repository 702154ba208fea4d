import { Authenticator } from '@dcl/crypto'
import type { Wallet } from '../../demo/wallet.ts'

let lastTimestamp = 0

/** The time, but never the same twice: a wallet that logs in twice in a millisecond would show the same signature. */
function nextTimestamp(): number {
  lastTimestamp = Math.max(Date.now(), lastTimestamp + 1)
  return lastTimestamp
}

/** What a wallet sends to log in. @param timestamp unix milliseconds */
export function loginBody({ address, identity }: Wallet, timestamp = nextTimestamp()) {
  const signed = String(timestamp)
  return {
    type: 'm.login.decentraland',
    identifier: { type: 'm.id.user', user: address as string },
    timestamp: signed,
    auth_chain: Authenticator.signPayload(identity, signed)
  }
}

/** Logs a wallet in as every client does. @returns the access token */
export async function logIn(httpUrl: string, wallet: Wallet): Promise<string> {
  const response = await fetch(`${httpUrl}/_matrix/client/r0/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(loginBody(wallet))
  })
  const body = (await response.json()) as { access_token?: string }
  if (!body.access_token) throw new Error(`The login failed with status ${response.status}`)
  return body.access_token
}
