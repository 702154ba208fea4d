import { type AuthChain as AnyChain, Authenticator } from '@dcl/crypto'
import { recoverAddressFromEthSignature } from '@dcl/crypto/dist/crypto.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuthChainVerifier, authChainSchema } from '../../src/auth/auth-chain.ts'
import { recoverSigner } from '../../src/auth/ethereum-signature.ts'
import {
  anyCase,
  type Case,
  delegated,
  delegation,
  genuine,
  KNOWN_TYPES,
  key,
  LATER,
  type Link,
  mirrored,
  NOW,
  otherKey,
  owner,
  PAYLOAD,
  signed,
  signerLink,
  simple,
  twice
} from './chain-cases.ts'

const verifier = new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 1_000 })

async function refusal(subject: Case): Promise<string | null> {
  const parsed = authChainSchema.safeParse(subject.chain)
  if (!parsed.success) return 'malformed'
  return verifier.verify(parsed.data, subject.finalAuthority, NOW).then(
    () => null,
    error => {
      expect(error).toMatchObject({ name: 'SocialError', code: 'unauthorized' })
      expect(error.message).not.toMatch(/[0-9a-f]{8}/i)
      return error.message
    }
  )
}

async function oracleAccepts({ chain, finalAuthority }: Case): Promise<boolean> {
  return (await Authenticator.validateSignature(finalAuthority, chain as AnyChain, null, NOW)).ok
}

/** Everything that we refuse on purpose and the oracle takes. */
function isStrictness({ chain }: Case): boolean {
  return (
    chain.length < 2 || // nothing is signed
    chain.length > 10 ||
    chain.some(link => !KNOWN_TYPES.has(link.type)) || // the oracle goes on with an empty authority
    chain.some(link => link.payload.length > 4_096 || (link.signature ?? '').length > 8_192)
  )
}

/** A delegation that its owner really signed, with something else than it should say. */
function inOtherWords(words: string, others: string): Case {
  const payload = Authenticator.getEphemeralMessage(key.address, LATER).replace(words, others)
  const link = { ...signed(owner, payload), type: 'ECDSA_EPHEMERAL' }
  return { chain: [signerLink, link, signed(key, PAYLOAD)], finalAuthority: PAYLOAD }
}

describe('the verdict on an auth chain', () => {
  it.each(genuine)('takes a genuine chain of plain accounts (%#)', async subject => {
    expect(await refusal(subject)).toBeNull()
    expect(await oracleAccepts(subject)).toBe(true)
  })

  it('is that of @dcl/crypto for whatever is made of genuine chains', async () => {
    const seen = { accepted: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(anyCase, async subject => {
        const accepted = (await refusal(subject)) === null
        if (accepted || !isStrictness(subject)) expect(accepted).toBe(await oracleAccepts(subject))
        seen[accepted ? 'accepted' : 'refused']++
      }),
      { numRuns: 1_500 }
    )
    expect(seen.accepted).toBeGreaterThan(150)
    expect(seen.refused).toBeGreaterThan(500)
  })

  it.each<[string, Case]>([
    ['the payload in another letter case', { chain: [signerLink, signed(owner, 'Entity')], finalAuthority: 'entity' }],
    ['the payload with a space', { chain: simple, finalAuthority: `${PAYLOAD} ` }],
    [
      'a chain of somebody else',
      { chain: [{ ...signerLink, payload: key.address }, ...delegated.slice(1)], finalAuthority: PAYLOAD }
    ],
    ['a chain without its delegation', { chain: delegated.toSpliced(1, 1), finalAuthority: PAYLOAD }],
    ['a chain without its signature', { chain: delegated.slice(0, 2), finalAuthority: PAYLOAD }],
    ['two chains in one', { chain: [...delegated, ...simple], finalAuthority: PAYLOAD }],
    ['a delegation to another kind of address', inOtherWords('Ephemeral address', 'Temporary address')],
    ['a delegation with another kind of date', inOtherWords('Expiration', 'Inspection')],
    ['a delegation until no date', inOtherWords(LATER.toISOString(), 'the end')],
    [
      'a delegation that is over',
      {
        chain: [signerLink, delegation(owner, key.address, new Date(NOW)), signed(key, PAYLOAD)],
        finalAuthority: PAYLOAD
      }
    ]
  ])('refuses %s', async (_, subject) => {
    expect(await refusal(subject)).not.toBeNull()
    expect(await oracleAccepts(subject)).toBe(false)
  })

  it('recovers the signer that @dcl/crypto recovers, whatever the message and the bytes', () => {
    const anyText = fc.string({ unit: fc.nat(0xffff).map(unit => String.fromCharCode(unit)) })
    const anySignature = fc
      .tuple(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.constantFrom('00', '01', '1b', '1c', '02', '1d', '1'))
      .map(([bytes, v]) => `0x${Buffer.from(bytes).toString('hex')}${v}`)
    fc.assert(
      fc.property(anyText, anySignature, (message, signature) => {
        expect(recoverSigner(message, signature)).toBe(oracleSigner(message, signature))
      }),
      { numRuns: 300 }
    )
  })

  it.each([
    ['nothing is signed', [signerLink], owner.address],
    [
      'a link of unknown type hands on an empty authority',
      [signerLink, { ...signed(owner, PAYLOAD), type: 'OTHER' }],
      ''
    ]
  ])('is stricter than @dcl/crypto where %s', async (_, chain, finalAuthority) => {
    expect(await oracleAccepts({ chain, finalAuthority })).toBe(true)
    expect(await refusal({ chain, finalAuthority })).not.toBeNull()
  })

  it('ends with the delegation, at its very millisecond', async () => {
    const chain = authChainSchema.parse(delegated)
    await expect(verifier.verify(chain, PAYLOAD, LATER.getTime() - 1)).resolves.toBeDefined()
    await expect(verifier.verify(chain, PAYLOAD, LATER.getTime())).rejects.toThrow('expired')
    await expect(verifier.verify(chain, PAYLOAD, Number.NaN)).rejects.toThrow('expired')
  })
})

function oracleSigner(message: string, signature: string): string | null {
  try {
    return recoverAddressFromEthSignature(signature, message).toLowerCase()
  } catch {
    return null
  }
}

describe('a chain of which two links are wrong', () => {
  it('is refused once: what is found of the other fails nobody and nothing', async () => {
    const expires = new Date(NOW + 60_000).toISOString()
    const payload = `Decentraland Login\nEphemeral address: 0xnobody\nExpiration: ${expires}`
    const chain = authChainSchema.parse([
      { type: 'SIGNER', payload: `0x${'a'.repeat(40)}`, signature: '' },
      { type: 'ECDSA_EPHEMERAL', payload, signature: `0x${'1'.repeat(130)}` },
      { type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload: PAYLOAD, signature: '0x12' }
    ])
    const unhandled: unknown[] = []
    const note = (error: unknown): unknown => unhandled.push(error)
    process.on('unhandledRejection', note)
    await expect(verifier.verify(chain, PAYLOAD, NOW)).rejects.toMatchObject({ code: 'unauthorized' })
    // Node.js says so when the turn is over.
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', note)
    expect(unhandled).toEqual([])
  })
})

describe('what a verified chain says', () => {
  const verified = (chain: Link[]) => verifier.verify(authChainSchema.parse(chain), PAYLOAD, NOW)
  const ownerAddress = owner.address.toLowerCase()

  it('names the owner and the last key', async () => {
    expect(await verified(simple)).toMatchObject({ owner: ownerAddress, signer: ownerAddress, expiresAt: null })
    expect(await verified(delegated)).toMatchObject({ owner: ownerAddress, signer: key.address.toLowerCase() })
    expect(await verified(twice)).toMatchObject({ signer: otherKey.address.toLowerCase() })
  })

  it('names the same signer for every spelling of a signature', async () => {
    const [last] = delegated.slice(-1) as [Link]
    const original = last.signature as string
    const raw = (signature: string) => signature.slice(0, 130) + (signature.endsWith('1b') ? '00' : '01')
    const short = (signature: string) => signature.slice(0, 130) + (signature.endsWith('1b') ? '0' : '1')
    const spellings = [original, mirrored(original)].flatMap(s => [
      s,
      raw(s),
      short(s),
      `0x${s.slice(2).toUpperCase()}`
    ])
    expect(new Set(spellings).size).toBe(8)

    for (const signature of spellings) {
      const chain = [...delegated.slice(0, 2), { ...last, signature }]
      expect(await oracleAccepts({ chain, finalAuthority: PAYLOAD })).toBe(true)
      expect((await verified(chain)).signer).toBe(key.address.toLowerCase())
    }
  })
})

describe('the shape of an auth chain', () => {
  const link = signed(owner, PAYLOAD)

  it.each([
    ['no array', {}],
    ['no link', []],
    ['eleven links', [signerLink, ...Array(10).fill(link)]],
    ['a type of our own making', [signerLink, { ...link, type: 'OTHER' }]],
    ['a giant payload', [signerLink, { ...link, payload: 'x'.repeat(4_097) }]],
    ['a giant signature', [signerLink, { ...link, signature: `0x${'0'.repeat(8_191)}` }]],
    ['a payload that is no text', [signerLink, { ...link, payload: 7 }]],
    ['a hole', [signerLink, null]]
  ])('refuses %s', (_, chain) => {
    expect(authChainSchema.safeParse(chain).success).toBe(false)
  })

  it('takes a first link without a signature', () => {
    for (const first of [signerLink, { ...signerLink, signature: null }, { type: 'SIGNER', payload: owner.address }]) {
      expect(authChainSchema.safeParse([first, link]).success).toBe(true)
    }
  })
})
