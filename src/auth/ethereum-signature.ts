import { createHash } from 'node:crypto'
import { instantiateSecp256k1 } from '@bitauth/libauth/build/lib/crypto/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, parseAddress } from '../domain/address.ts'

// libsecp256k1 as WebAssembly: a tenth of the time of pure JavaScript, and no native build. The deep import leaves
// out the rest of the library; loading and instantiating take about 30 ms of CPU, once per process.
const secp256k1 = await instantiateSecp256k1()

/** Who made a signature, and an id that every spelling of the same signature shares. */
interface RecoveredSignature {
  readonly signer: Address
  readonly id: string
}

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
export function recoverSignature(message: string, signature: string): RecoveredSignature | null {
  const [, compactHex, v] = SIGNATURE.exec(signature) ?? []
  if (compactHex === undefined || v === undefined) return null
  const parity = PARITY.get(Number.parseInt(v, 16))
  if (parity === undefined) return null

  const compact = Buffer.from(compactHex, 'hex')
  const hash = hashMessage(message)
  const publicKey = secp256k1.recoverPublicKeyUncompressed(compact, parity, hash)
  if (typeof publicKey === 'string') return null

  // An address is the end of the hash of the key without its 0x04 mark.
  const address = Buffer.from(keccak_256(publicKey.subarray(1)).subarray(-20))
  const signer = parseAddress(`0x${address.toString('hex')}`)
  // Anyone can turn (r, s, v) into (r, n - s, the other v) and respell the hex: only r stays.
  return signer && { signer, id: digest(address, hash, compact.subarray(0, 32)) }
}

/**
 * The id of a contract wallet's signature. Its bytes are left out: what they mean is the contract's affair, and most
 * wallets hold plain signatures in them, which anyone can respell.
 */
export function contractSignatureId(wallet: Address, message: string): string {
  return digest(Buffer.from(wallet.slice(2), 'hex'), hashMessage(message))
}

function hashMessage(message: string): Uint8Array {
  const bytes = Buffer.from(message)
  return keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes]))
}

function digest(...parts: Uint8Array[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex')
}
