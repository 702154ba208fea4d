import { createHash } from 'node:crypto'
import { instantiateSecp256k1 } from '@bitauth/libauth/build/lib/crypto/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Address, parseAddress } from '../src/domain/address.ts'
import { keyIdOf, keyText } from '../src/domain/api-key.ts'

// Signing with libsecp256k1 takes a tenth of the time of the library that clients use, and signs the same bytes.
const secp256k1 = await instantiateSecp256k1()

/** A user who follows from a name: every process of the benchmark knows the same ones. */
export interface User {
  readonly name: string
  readonly address: Address
  readonly key: Uint8Array
  /** The access token of the session that is in the database from the start. */
  readonly token: string
}

type AuthChain = readonly { readonly type: string; readonly payload: string; readonly signature: string }[]

const DELEGATION_MS = 3_600_000

export function user(name: string): User {
  const key = sha256(name)
  return { name, key, address: addressOf(key), token: sha256(`token of ${name}`).toString('base64url') }
}

/** The API key of another service, which is in the database from the start. */
const serviceKey = keyText('be4c00000001', sha256('secret of a service').toString('base64url'))
export const SERVICE_KEY = {
  text: serviceKey,
  id: keyIdOf(serviceKey),
  name: 'bench',
  keyHash: sha256(serviceKey),
  scopes: ['friends:read']
}

export const tokenHashOf = ({ token }: User): Buffer => sha256(token)

/** The body of a login, good for one login within the next two minutes. */
export function loginBody(owner: User): string {
  const timestamp = String(Date.now())
  return JSON.stringify({
    type: 'm.login.decentraland',
    identifier: { type: 'm.id.user', user: owner.address },
    timestamp,
    auth_chain: signedBy(owner, timestamp)
  })
}

/** The first message of a v2 socket, good for five minutes before and after the moment of which it is. */
export function handshakeMessage(owner: User, at = Date.now()): string {
  const timestamp = String(at)
  const metadata = '{}'
  const links = signedBy(owner, `get:/:${timestamp}:${metadata}`)
  const chain = links.map((link, at) => [`x-identity-auth-chain-${at}`, JSON.stringify(link)])
  return JSON.stringify({
    ...Object.fromEntries(chain),
    'x-identity-timestamp': timestamp,
    'x-identity-metadata': metadata
  })
}

/** A chain of three links: the owner, the key that the owner delegates to, and what that key signs. */
function signedBy(owner: User, payload: string): AuthChain {
  const delegate = user(`delegate of ${owner.name}`)
  const expiration = new Date(Date.now() + DELEGATION_MS).toISOString()
  const delegation = `Decentraland Login\nEphemeral address: ${delegate.address}\nExpiration: ${expiration}`
  return [
    { type: 'SIGNER', payload: owner.address, signature: '' },
    { type: 'ECDSA_EPHEMERAL', payload: delegation, signature: sign(owner, delegation) },
    { type: 'ECDSA_SIGNED_ENTITY', payload, signature: sign(delegate, payload) }
  ]
}

/** As wallets sign a message: personal_sign of EIP-191. */
function sign({ key }: User, message: string): string {
  const bytes = Buffer.from(message)
  const hash = keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${bytes.length}`), bytes]))
  const signed = secp256k1.signMessageHashRecoverableCompact(key, hash)
  if (typeof signed === 'string') throw new Error(signed)
  return `0x${Buffer.from(signed.signature).toString('hex')}${(27 + signed.recoveryId).toString(16)}`
}

function addressOf(key: Uint8Array): Address {
  const publicKey = secp256k1.derivePublicKeyUncompressed(key)
  if (typeof publicKey === 'string') throw new Error(publicKey)
  const hex = Buffer.from(keccak_256(publicKey.subarray(1)).subarray(-20)).toString('hex')
  return parseAddress(`0x${hex}`)!
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
