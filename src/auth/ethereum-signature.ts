import { instantiateSecp256k1 } from '@bitauth/libauth/build/lib/crypto/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, parseAddress } from '../domain/address.ts'

// libsecp256k1 as WebAssembly: a tenth of the time of pure JavaScript, and no native build. The deep import leaves
// out the rest of the library; loading and instantiating take about 30 ms of CPU, once per process.
const secp256k1 = await instantiateSecp256k1()

// 64 bytes of r and s, then v as one byte, whose leading zero may be missing.
const SIGNATURE = /^0x([0-9a-fA-F]{128})([0-9a-fA-F]{1,2})$/

/** The parity of the signed point, by the values of v that wallets write: 27 and 28 (Ethereum), 0 and 1 (raw). */
const PARITY: ReadonlyMap<number, 0 | 1> = new Map([
  [0, 0],
  [1, 1],
  [27, 0],
  [28, 1]
])

/**
 * Recovers who signed `message` by personal_sign (EIP-191), or null when the signature is not one.
 * @param signature `0x` and the hex of r, s and v; a high s is as good as a low one
 */
export function recoverSigner(message: string, signature: string): Address | null {
  const [, compactHex, v] = SIGNATURE.exec(signature) ?? []
  if (compactHex === undefined || v === undefined) return null
  const parity = PARITY.get(Number.parseInt(v, 16))
  if (parity === undefined) return null

  const compact = Buffer.from(compactHex, 'hex')
  const publicKey = secp256k1.recoverPublicKeyUncompressed(compact, parity, hashMessage(message))
  if (typeof publicKey === 'string') return null

  // An address is the end of the hash of the key without its 0x04 mark.
  const address = Buffer.from(keccak_256(publicKey.subarray(1)).subarray(-20))
  return parseAddress(`0x${address.toString('hex')}`)
}

function hashMessage(message: string): Uint8Array {
  const bytes = Buffer.from(message)
  return keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes]))
}
