import { SocialError } from '../domain/errors.ts'
import { EthereumProvider } from './ethereum-provider.ts'

/** A signature for a contract wallet to confirm. */
interface ContractSignature {
  /** The contract's address as the chain spells it: mixed letter case must be its checksum (EIP-55). */
  readonly authority: string
  readonly message: string
  readonly signature: string
}

export interface ContractWalletOptions {
  /** An Ethereum JSON-RPC node, or null: then contract wallets cannot log in. */
  readonly ethereumRpcUrl: string | null
  /** For all calls of one chain together, in milliseconds. */
  readonly timeoutMs: number
}

/** How many chains may wait for the node at once: beyond it a flood of made-up wallets would pile up here. */
const MAX_CHECKS = 64

/** Signatures of smart contract wallets (EIP-1271 and EIP-1654): only the contract itself can tell. */
export class ContractWallets {
  readonly #url: string | null
  readonly #timeoutMs: number
  #checks = 0

  constructor({ ethereumRpcUrl, timeoutMs }: ContractWalletOptions) {
    this.#url = ethereumRpcUrl
    this.#timeoutMs = timeoutMs
  }

  /**
   * Whether each contract confirms its signature, at present or in the block of `now`.
   * @throws SocialError `unauthorized` without a node, `unavailable` when the node does not answer in time
   */
  async confirm(signatures: readonly ContractSignature[], now: number): Promise<boolean> {
    if (this.#url === null) {
      throw new SocialError(
        'unauthorized',
        'Contract wallets need an Ethereum RPC, which this server does not have configured'
      )
    }
    if (this.#checks >= MAX_CHECKS) throw new SocialError('unavailable', 'Too many contract wallets at once', 1_000)
    this.#checks++
    try {
      return await confirmAll(signatures, this.#url, this.#timeoutMs, now)
    } finally {
      this.#checks--
    }
  }
}

async function confirmAll(
  signatures: readonly ContractSignature[],
  url: string,
  timeoutMs: number,
  now: number
): Promise<boolean> {
  // Loaded when the first contract wallet comes: it takes about 0.1 s, and few services ever meet one.
  const { AuthLinkType, EIP_1654_SIGNED_ENTITY_VALIDATOR } = await import('@dcl/crypto')
  const provider = new EthereumProvider(url, timeoutMs)
  const options = { provider, dateToValidateExpirationInMillis: now }
  try {
    for (const { authority, message, signature } of signatures) {
      const link = { type: AuthLinkType.ECDSA_EIP_1654_SIGNED_ENTITY, payload: message, signature }
      await EIP_1654_SIGNED_ENTITY_VALIDATOR(authority, link, options)
    }
    return true
  } catch {
    // The validator throws for a refusal and for a lost answer alike; only the provider knows which it was.
    if (provider.failed) throw new SocialError('unavailable', 'The Ethereum RPC did not answer; try again')
    return false
  }
}
