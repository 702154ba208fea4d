import { Authenticator } from '@dcl/crypto'
import { createUnsafeIdentity } from '@dcl/crypto/dist/crypto.js'
import fc from 'fast-check'
import { authChainSchema } from '../../src/auth/auth-chain.ts'
import { recoverSigner } from '../../src/auth/ethereum-signature.ts'

export const NOW = Date.parse('2030-05-17T12:00:00.000Z')
export const LATER = new Date(NOW + 600_000)
const EVEN_LATER = new Date(NOW + 900_000)
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
export const PAYLOAD = '1905335999999'

/** Links as anyone may send them, of any type. */
export interface Link {
  type: string
  payload: string
  signature?: string | null
}

export interface Case {
  chain: Link[]
  finalAuthority: string
}

type Identity = ReturnType<typeof createUnsafeIdentity>
const [owner, key, otherKey, stranger] = [1, 2, 3, 4].map(() => createUnsafeIdentity()) as [
  Identity,
  Identity,
  Identity,
  Identity
]

export { key, otherKey, owner }

export const signerLink: Link = { type: 'SIGNER', payload: owner.address, signature: '' }
export const signed = (by: Identity, payload: string): Link => ({
  type: 'ECDSA_SIGNED_ENTITY',
  payload,
  signature: Authenticator.createSignature(by, payload)
})
export const delegation = (by: Identity, to: string, until = LATER): Link => {
  const payload = Authenticator.getEphemeralMessage(to, until)
  return { type: 'ECDSA_EPHEMERAL', payload, signature: Authenticator.createSignature(by, payload) }
}

export const simple = [signerLink, signed(owner, PAYLOAD)]
export const delegated = [signerLink, delegation(owner, key.address), signed(key, PAYLOAD)]
export const twice = [
  signerLink,
  delegation(owner, key.address, EVEN_LATER),
  delegation(key, otherKey.address),
  signed(otherKey, PAYLOAD)
]

export const genuine: Case[] = [
  { chain: simple, finalAuthority: PAYLOAD },
  { chain: delegated, finalAuthority: PAYLOAD },
  { chain: twice, finalAuthority: PAYLOAD },
  // A signed address hands on authority without an end, and a delegation can be all that is asked for.
  { chain: [signerLink, signed(owner, key.address), signed(key, PAYLOAD)], finalAuthority: PAYLOAD },
  { chain: [signerLink, delegation(owner, key.address)], finalAuthority: key.address },
  { chain: [signerLink, signed(owner, '')], finalAuthority: '' },
  { chain: [{ ...signerLink, payload: owner.address.toLowerCase() }, ...delegated.slice(1)], finalAuthority: PAYLOAD }
]

export const KNOWN_TYPES = new Set(authChainSchema.element.shape.type.options as readonly string[])

const hex = (value: bigint): string => value.toString(16).padStart(64, '0')

/** The same signature with the other of the two values of s. */
export function mirrored(signature: string): string {
  if (!/^0x[0-9a-f]{130}$/.test(signature)) return signature
  const s = BigInt(`0x${signature.slice(66, 130)}`) % ORDER
  return `${signature.slice(0, 66)}${hex(ORDER - s)}${signature.endsWith('1b') ? '1c' : '1b'}`
}

const SIGNATURE_CHANGES: ((signature: string, random: number) => string | null | undefined)[] = [
  (s, n) => s.slice(0, 2 + (n % 130)) + ((n >> 8) % 16).toString(16) + s.slice(3 + (n % 130)),
  (s, n) => s.slice(0, 130) + (n % 256).toString(16).padStart(2, '0'),
  s => s.slice(0, 130) + (s.endsWith('1b') ? '00' : '01'),
  s => s.slice(0, 130) + (s.endsWith('1b') ? '0' : '1'),
  s => s.slice(0, 130) + (s.endsWith('1b') ? '1B' : '1C'),
  mirrored,
  s => `0x${s.slice(2).toUpperCase()}`,
  s => s.toUpperCase(),
  s => s.slice(2),
  s => `${s}00`,
  s => s.slice(0, -1),
  s => s.slice(0, -2),
  s => `${s}\n`,
  s => ` ${s}`,
  s => `0x${s}`,
  s => `${s.slice(0, 50)}g${s.slice(51)}`,
  s => `0x${hex(0n)}${s.slice(66)}`,
  s => `${s.slice(0, 66)}${hex(0n)}${s.slice(130)}`,
  s => `0x${hex(ORDER)}${s.slice(66)}`,
  s => `${s.slice(0, 66)}${hex(ORDER)}${s.slice(130)}`,
  s => `0x${'f'.repeat(128)}${s.slice(130)}`,
  () => '0x',
  () => '',
  () => null,
  () => undefined
]

const PAYLOAD_CHANGES: ((payload: string, random: number) => string)[] = [
  p => p.toLowerCase(),
  p => p.toUpperCase(),
  p => p.replace('0x', '0X'),
  p => p.replace('0x', ''),
  p => p.replaceAll('\n', '\r\n'),
  p => p.replaceAll('\n', '\n\r'),
  (p, n) => `${p.slice(0, n % (p.length + 1))}\r${p.slice(n % (p.length + 1))}`,
  p => `${p} `,
  p => ` ${p}`,
  p => `${p}\nIssued by somebody`,
  p => p.split('\n').slice(0, 2).join('\n'),
  p => p.replace('Decentraland Login', ''),
  p => p.replace('Ephemeral address: ', 'Temporary address: '),
  p => p.replace('Expiration: ', 'expiration: '),
  p => p.replace(/Expiration: .*/, 'Expiration: tomorrow'),
  p => p.replace(/Expiration: .*/, 'Expiration: 2031'),
  p => p.replace(/Expiration: .*/, 'Expiration: May 18 2030 (noon)'),
  p => p.replace(/Expiration: .*/, `Expiration: ${new Date(NOW).toISOString()}`),
  p => p.replace(/Expiration: .*/, `Expiration: ${new Date(NOW + 1).toISOString()}`),
  (p, n) => p.slice(0, n % (p.length + 1)),
  () => stranger.address,
  () => key.address,
  () => 'İKÅ\u{d800} naïve 🙂',
  () => ''
]

const at = (random: number, chain: readonly Link[]): number => random % chain.length

const changeSignature = fc
  .tuple(fc.constantFrom(...SIGNATURE_CHANGES), fc.nat(), fc.nat())
  .map(([change, where, random]) => ({ chain, finalAuthority }: Case): Case => {
    const index = at(where, chain)
    const signature = change(chain[index]?.signature ?? '', random)
    return { chain: chain.map((link, i) => (i === index ? replaceSignature(link, signature) : link)), finalAuthority }
  })

function replaceSignature({ type, payload }: Link, signature: string | null | undefined): Link {
  return signature === undefined ? { type, payload } : { type, payload, signature }
}

/** With `again`, the same key signs the changed payload: only what the payload says can then be wrong. */
const changePayload = fc
  .tuple(fc.constantFrom(...PAYLOAD_CHANGES), fc.nat(), fc.nat(), fc.boolean())
  .map(([change, where, random, again]) => ({ chain, finalAuthority }: Case): Case => {
    const index = at(where, chain)
    const old = chain[index] as Link
    const payload = change(old.payload, random)
    const author = [owner, key, otherKey].find(by => isBy(by, old))
    const signature = again && author ? Authenticator.createSignature(author, payload) : old.signature
    const isFollowed = old.payload === finalAuthority && again
    return {
      chain: chain.map((link, i) => (i === index ? replaceSignature({ ...old, payload }, signature) : link)),
      finalAuthority: isFollowed ? payload : finalAuthority
    }
  })

function isBy(identity: Identity, { payload, signature }: Link): boolean {
  return recoverSigner(payload, signature ?? '') === identity.address.toLowerCase()
}

const changeType = fc
  .tuple(fc.constantFrom(...KNOWN_TYPES, 'ECDSA_PERSONAL_EPHEMERAL', 'signer', '', 'constructor'), fc.nat())
  .map(([type, where]) => ({ chain, finalAuthority }: Case): Case => {
    const index = at(where, chain)
    return { chain: chain.map((link, i) => (i === index ? { ...link, type } : link)), finalAuthority }
  })

const changeOrder = fc
  .tuple(fc.constantFrom('swap', 'drop', 'double', 'truncate'), fc.nat(), fc.nat())
  .map(([how, first, second]) => ({ chain, finalAuthority }: Case): Case => {
    const [i, j] = [at(first, chain), at(second, chain)]
    const [one, other] = [chain[i] as Link, chain[j] as Link]
    if (how === 'swap') return { chain: chain.with(i, other).with(j, one), finalAuthority }
    if (how === 'drop') return { chain: chain.toSpliced(i, 1), finalAuthority }
    if (how === 'double') return { chain: chain.toSpliced(j, 0, one), finalAuthority }
    return { chain: chain.slice(0, i + 1), finalAuthority }
  })

const changeAuthority = fc
  .constantFrom('', ` ${PAYLOAD}`, owner.address, key.address.toLowerCase(), '1905336000000')
  .map(
    finalAuthority =>
      ({ chain }: Case): Case => ({ chain, finalAuthority })
  )

/** Genuine chains, and what becomes of them by up to two changes. */
export const anyCase = fc
  .tuple(
    fc.constantFrom(...genuine),
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: changeSignature },
        { weight: 5, arbitrary: changePayload },
        { weight: 1, arbitrary: changeType },
        { weight: 2, arbitrary: changeOrder },
        { weight: 1, arbitrary: changeAuthority }
      ),
      { maxLength: 2 }
    )
  )
  .map(([start, changes]) =>
    changes.reduce((subject, change) => (subject.chain.length > 0 ? change(subject) : subject), start)
  )
