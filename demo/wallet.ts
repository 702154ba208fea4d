import { Authenticator, type AuthIdentity } from '@dcl/crypto'
import { createUnsafeIdentity } from '@dcl/crypto/dist/crypto.js'
import { type Address, parseAddress } from '../src/domain/address.ts'

/** A wallet that nobody owns, with an ephemeral key that it delegated to: for demonstrations and tests. */
export interface Wallet {
  readonly address: Address
  readonly identity: AuthIdentity
}

/** Ten years: longer than any clock of a test is turned on, because what a delegation opened ends with it. */
const LONG_MINUTES = 10 * 365 * 24 * 60

/** A new random wallet whose delegation is good for `minutes`. */
export async function createWallet(minutes = LONG_MINUTES): Promise<Wallet> {
  const owner = createUnsafeIdentity()
  const address = parseAddress(owner.address)
  if (!address) throw new Error('The wallet has no address')
  const sign = async (message: string): Promise<string> => Authenticator.createSignature(owner, message)
  const identity = await Authenticator.initializeAuthChain(owner.address, createUnsafeIdentity(), minutes, sign)
  return { address, identity }
}
