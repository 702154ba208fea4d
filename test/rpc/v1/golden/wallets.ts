import { Authenticator } from '@dcl/crypto'
import { createUnsafeIdentity } from '@dcl/crypto/dist/crypto.js'
import type { Wallet } from '../../../../demo/wallet.ts'
import { parseAddress } from '../../../../src/domain/address.ts'

/** The addresses of the private keys 1, 2 and 3. */
const ADDRESSES = {
  alice: '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf',
  bob: '0x2b5ad5c4795c026514f8317c7a215e218dccd6cf',
  carol: '0x6813eb9362372eef6200f3b1dbc3f819671cba69'
}

export type Name = keyof typeof ADDRESSES
export const NAMES = Object.keys(ADDRESSES) as Name[]

/** A wallet whose address is in the recording. */
export async function walletOf(name: Name): Promise<Wallet> {
  const privateKey = `0x${(NAMES.indexOf(name) + 1).toString(16).padStart(64, '0')}`
  const address = parseAddress(ADDRESSES[name])!
  const sign = async (message: string): Promise<string> =>
    Authenticator.createSignature({ privateKey, publicKey: '', address }, message)
  return { address, identity: await Authenticator.initializeAuthChain(address, createUnsafeIdentity(), 60, sign) }
}
