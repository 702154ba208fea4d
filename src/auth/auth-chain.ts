import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { type Address, parseAddress } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import { type ContractWalletOptions, ContractWallets } from './contract-wallet.ts'
import { SignerRecovery } from './signer-recovery.ts'

const LINK_TYPES = [
  'SIGNER',
  'ECDSA_EPHEMERAL',
  'ECDSA_SIGNED_ENTITY',
  'ECDSA_EIP_1654_EPHEMERAL',
  'ECDSA_EIP_1654_SIGNED_ENTITY'
] as const

const authLinkSchema = z.object({
  type: z.enum(LINK_TYPES),
  payload: z.string().max(4_096),
  // Contract wallets of many owners have long ones. The first link, SIGNER, has none.
  signature: z.string().max(8_192).nullish()
})

/** A Decentraland auth chain as clients send it: SIGNER, then delegations, then the signature of the payload. */
export const authChainSchema = z.array(authLinkSchema).min(1).max(10)

export type AuthChain = z.infer<typeof authChainSchema>
type AuthLink = AuthChain[number]

/** Signatures that are remembered: a client shows its delegation with every request that it signs. */
const REMEMBERED = 20_000

export interface VerifiedChain {
  /** Whose account it is. */
  readonly owner: Address
  /** Whose key made the last signature: that of the last delegation, or the owner's in a chain without one. */
  readonly signer: Address
  /** When the first of its delegations ends, in unix milliseconds; null in a chain without one. */
  readonly expiresAt: number | null
}

/**
 * Verifies auth chains. The result is that of `Authenticator.validateSignature` of @dcl/crypto, but stricter where
 * that is lax: the owner and every contract are well-formed addresses, there is at least one signature, and a link of
 * unknown type refuses the chain.
 */
export class AuthChainVerifier {
  readonly #contractWallets: ContractWallets
  /** Who made a signature of a key, which is so for ever; how long it counts is looked at each time. */
  readonly #signers = new LRUCache<string, Address>({ max: REMEMBERED })
  readonly #recovery = new SignerRecovery()

  constructor(options: ContractWalletOptions) {
    this.#contractWallets = new ContractWallets(options)
  }

  /**
   * @param finalAuthority what the last link must sign, to the letter
   * @param now unix milliseconds; a delegation that ends at it is over
   * @param client on whose budget contract wallets are called: an address, or a network
   * @throws SocialError `unauthorized`; `unavailable` or `too_many_requests` when a contract wallet could not be called
   */
  async verify(chain: AuthChain, finalAuthority: string, now: number, client = ''): Promise<VerifiedChain> {
    const { owner, steps } = readChain(chain, finalAuthority, now)
    // What costs nothing was checked first, signatures come next, and the network is called last.
    // Each fails by itself: what was begun for one is waited for, whatever is wrong with the next.
    const signing = steps.map(async step => (step.byContract ? contractSigner(step) : this.#keySigner(step)))
    const signer = (await Promise.all(signing)).at(-1)
    if (signer === undefined) throw refused('The auth chain has no signature')
    const contracts = steps.filter(step => step.byContract)
    if (contracts.length > 0 && !(await this.#contractWallets.confirm(contracts, now, client))) throw refused()
    const ends = steps.flatMap(({ expiresAt }) => expiresAt ?? [])
    return { owner, signer, expiresAt: ends.length === 0 ? null : Math.min(...ends) }
  }

  /** Not to be used any more. */
  close(): void {
    this.#recovery.close()
  }

  async #keySigner({ authority, message, signature }: Step): Promise<Address> {
    // With its length before it, no signature and message read as another two.
    const id = createHash('sha256').update(`${signature.length}:${signature}${message}`).digest('base64')
    const signer = this.#signers.get(id) ?? (await this.#recovery.recover({ message, signature }))
    if (signer === null || signer !== authority.toLowerCase()) throw refused()
    this.#signers.set(id, signer)
    return signer
  }
}

/** One signature of a chain, and what it must be. */
interface Step {
  /** The address that must have signed, as the link before spells it. */
  readonly authority: string
  readonly message: string
  readonly signature: string
  readonly byContract: boolean
  readonly expiresAt: number | null
  /** What this signature hands its authority on to: the next key, or the payload. */
  readonly nextAuthority: string
}

/** Lays the chain out as signatures to check, having checked all that needs no cryptography. */
function readChain(
  [first, ...links]: AuthChain,
  finalAuthority: string,
  now: number
): { owner: Address; steps: Step[] } {
  const owner = first?.type === 'SIGNER' ? parseAddress(first.payload) : null
  if (first === undefined || owner === null) throw refused('The auth chain must begin with the address of its owner')

  let authority = first.payload
  const steps = links.map(link => {
    const step = readLink(link, authority)
    // A date that cannot be read, NaN, is over too.
    if (step.expiresAt !== null && !(step.expiresAt > now)) {
      throw refused('The delegation of the auth chain has expired')
    }
    authority = step.nextAuthority
    return step
  })
  if (authority !== finalAuthority) throw refused('The auth chain signs something else')
  return { owner, steps }
}

function readLink({ type, payload, signature }: AuthLink, authority: string): Step {
  if (type === 'SIGNER' || !signature) throw refused()
  const byContract = type === 'ECDSA_EIP_1654_EPHEMERAL' || type === 'ECDSA_EIP_1654_SIGNED_ENTITY'
  const delegates = type === 'ECDSA_EPHEMERAL' || type === 'ECDSA_EIP_1654_EPHEMERAL'
  const content = delegates ? readDelegation(payload) : { message: payload, expiresAt: null, nextAuthority: payload }
  return { authority, signature, byContract, ...content }
}

const DELEGATE = 'Ephemeral address: '
const EXPIRATION = 'Expiration: '

/** Reads `<title>\nEphemeral address: <address>\nExpiration: <date>`; carriage returns are not part of what was signed. */
function readDelegation(payload: string): Pick<Step, 'message' | 'expiresAt' | 'nextAuthority'> {
  const message = payload.replaceAll('\r', '')
  const [, delegate, expiration] = message.split('\n', 3)
  if (!delegate?.startsWith(DELEGATE) || !expiration?.startsWith(EXPIRATION)) throw refused()
  const expiresAt = Date.parse(expiration.slice(EXPIRATION.length))
  return { message, expiresAt, nextAuthority: delegate.slice(DELEGATE.length) }
}

function contractSigner({ authority }: Step): Address {
  const signer = parseAddress(authority)
  if (signer === null) throw refused()
  return signer
}

function refused(message = 'Invalid auth chain'): SocialError {
  return new SocialError('unauthorized', message)
}
