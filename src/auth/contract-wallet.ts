import { SocialError } from '../domain/errors.ts'
import { CircuitBreaker } from '../lib/circuit-breaker.ts'
import { ConcurrencyLimit } from '../lib/concurrency-limit.ts'
import { RateBudget } from '../lib/rate-budget.ts'
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
  /** Checks that one client may have in a minute; without a limit unless given. */
  readonly checksPerMinute?: number
  /** Called at the end of every check, and for each that was not made. */
  readonly onCheck?: (outcome: CheckOutcome) => void
}

/**
 * How the check of a contract wallet can end: the contract says yes or no, the node does not answer, or it is not even
 * called, because it keeps failing (`open`), or because the client, or all together, have too many (`limited`).
 */
export const CHECK_OUTCOMES = ['confirmed', 'refused', 'failed', 'open', 'limited'] as const
export type CheckOutcome = (typeof CHECK_OUTCOMES)[number]

/**
 * How many chains may wait for the node at once, in all and of one client: a flood of made-up wallets would pile up, and take
 * what there is for all.
 */
const CONCURRENT = { total: 64, perKey: 16 }

/** Clients of whom it is remembered how many checks they had. */
const MAX_CLIENTS = 10_000

/** Signatures of smart contract wallets (EIP-1271 and EIP-1654): only the contract itself can tell. */
export class ContractWallets {
  readonly #url: string | null
  readonly #timeoutMs: number
  readonly #onCheck: (outcome: CheckOutcome) => void
  readonly #limit = new ConcurrencyLimit(CONCURRENT)
  readonly #budget: RateBudget
  readonly #circuit = new CircuitBreaker(() => performance.now())
  #isTrying = false

  constructor({ ethereumRpcUrl, timeoutMs, checksPerMinute, onCheck }: ContractWalletOptions) {
    const perMinute = checksPerMinute ?? Number.MAX_SAFE_INTEGER
    this.#url = ethereumRpcUrl
    this.#timeoutMs = timeoutMs
    this.#onCheck = onCheck ?? (() => undefined)
    this.#budget = new RateBudget({ burst: perMinute, perSecond: perMinute / 60, maxKeys: MAX_CLIENTS })
  }

  /**
   * Whether each contract confirms its signature, at present or in the block of `now`.
   * @param client whose budget this is on: an address, or a network
   * @throws SocialError `unauthorized` without a node, `unavailable` when it does not answer in time or keeps failing,
   *   `too_many_requests`
   */
  async confirm(signatures: readonly ContractSignature[], now: number, client: string): Promise<boolean> {
    const url = this.#url
    if (url === null) {
      throw new SocialError(
        'unauthorized',
        'Contract wallets need an Ethereum RPC, which this server does not have configured'
      )
    }
    const release = this.#admit(client)
    try {
      const isConfirmed = await confirmAll(signatures, url, this.#timeoutMs, now)
      this.#circuit.succeeded()
      this.#onCheck(isConfirmed ? 'confirmed' : 'refused')
      return isConfirmed
    } catch (error) {
      this.#circuit.failed()
      this.#onCheck('failed')
      throw error
    } finally {
      release()
    }
  }

  /** @returns what ends the check. @throws SocialError when there may be none now */
  #admit(client: string): () => void {
    const waitMs = this.#budget.isLevel(client) ? this.#budget.spend(client) : this.#budget.spend(client, 0)
    if (waitMs > 0)
      throw this.#skipped('limited', new SocialError('too_many_requests', 'Too many contract wallets', waitMs))
    const { state } = this.#circuit
    if (state === 'open' || (state === 'half-open' && this.#isTrying)) throw this.#skipped('open', notAnswered())
    const permit = this.#limit.acquire(client)
    if ('reached' in permit) {
      throw this.#skipped('limited', new SocialError('unavailable', 'Too many contract wallets at once', 1_000))
    }
    const isTrial = state === 'half-open'
    this.#isTrying ||= isTrial
    return () => {
      permit.release()
      if (isTrial) this.#isTrying = false
    }
  }

  #skipped(outcome: CheckOutcome, error: SocialError): SocialError {
    this.#onCheck(outcome)
    return error
  }
}

function notAnswered(): SocialError {
  return new SocialError('unavailable', 'The Ethereum RPC did not answer; try again')
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
    if (provider.failed) throw notAnswered()
    return false
  }
}
