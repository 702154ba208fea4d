import { signedFetchFactory } from 'decentraland-crypto-fetch'
import type { Wallet } from '../../demo/wallet.ts'
import type { Answer } from './rest.ts'
import { handshakeOf, type Signed } from './v2.ts'

const signedFetch = signedFetchFactory()

interface SignedOptions {
  /** Sent as JSON. */
  readonly json?: unknown
  readonly metadata?: Record<string, unknown>
  /** Beside those of the signature. */
  readonly headers?: Record<string, string>
}

/** Calls as web pages do that sign each request: with the published package. @param url with its query */
export async function fetchSigned(
  { identity }: Wallet,
  method: string,
  url: string,
  { json, metadata = {}, headers = {} }: SignedOptions = {}
): Promise<Pick<Answer, 'status' | 'text' | 'body'>> {
  const response = await signedFetch(url, {
    method,
    identity,
    metadata,
    headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) })
  })
  const text = await response.text()
  return { status: response.status, text, body: text === '' ? undefined : JSON.parse(text) }
}

/** The headers of a signed fetch, by hand: what is signed need not be what is sent. */
export function signedHeaders(wallet: Wallet, method: string, path: string, signed: Signed = {}) {
  return handshakeOf(wallet, { ...signed, method, path })
}
