import { AuthChainVerifier } from '../../../src/auth/auth-chain.ts'
import { verifySignedFetch } from '../../../src/auth/signed-fetch.ts'
import { SocialError } from '../../../src/domain/errors.ts'
import { isHandshake, parseHandshake } from '../../../src/rpc/engine/handshake.ts'

const verifier = new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 0 })
const NOW = Date.UTC(2026, 0)

/** The first message of a socket: no handshake, or one that is refused in our words, or valid. */
export async function fuzz(data: Buffer): Promise<void> {
  if (!isHandshake(data)) return
  try {
    await verifySignedFetch(parseHandshake(data), { method: 'get', path: '/' }, verifier, NOW)
  } catch (error) {
    if (!(error instanceof SocialError)) throw error
  }
}
