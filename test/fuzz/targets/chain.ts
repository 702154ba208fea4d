import { AuthChainVerifier, authChainSchema } from '../../../src/auth/auth-chain.ts'
import { SocialError } from '../../../src/domain/errors.ts'
import { parseJson } from '../../../src/lib/json.ts'

const verifier = new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 0 })
const NOW = Date.UTC(2026, 0)

/** The JSON of an auth chain: refused in our words, or of somebody who has signed it. */
export async function fuzz(data: Buffer): Promise<void> {
  const chain = authChainSchema.safeParse(jsonOf(data)).data
  if (chain === undefined) return
  try {
    const { owner, signer } = await verifier.verify(chain, '1767225600000', NOW)
    for (const address of [owner, signer])
      if (!/^0x[\da-f]{40}$/.test(address)) throw new Error(`The address ${address}`)
  } catch (error) {
    if (!(error instanceof SocialError) || error.code !== 'unauthorized') throw error
  }
}

function jsonOf(data: Buffer): unknown {
  try {
    return parseJson(data)
  } catch {
    return undefined
  }
}
