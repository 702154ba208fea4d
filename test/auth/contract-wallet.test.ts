import type { ServerResponse } from 'node:http'
import { Authenticator } from '@dcl/crypto'
import { createEthereumMessageHash, createUnsafeIdentity } from '@dcl/crypto/dist/crypto.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AuthChain, AuthChainVerifier } from '../../src/auth/auth-chain.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { type EthereumNode, type OnCall, startEthereumNode } from './ethereum-node.ts'

const WALLET = '0x00000000000000000000000000000000000000c0'
const PAYLOAD = '1905335999999'
/** As a wallet of two owners makes it. */
const SIGNATURE = `0x${'ab'.repeat(130)}`
const MAGIC = `0x1626ba7e${'0'.repeat(56)}`

const key = createUnsafeIdentity()
const now = Date.now()
const expiry = new Date(now + 600_000)
const delegationPayload = Authenticator.getEphemeralMessage(key.address, expiry)

const simple: AuthChain = [
  { type: 'SIGNER', payload: WALLET, signature: '' },
  { type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload: PAYLOAD, signature: SIGNATURE }
]
const delegated: AuthChain = [
  { type: 'SIGNER', payload: WALLET, signature: '' },
  { type: 'ECDSA_EIP_1654_EPHEMERAL', payload: delegationPayload, signature: SIGNATURE },
  { type: 'ECDSA_SIGNED_ENTITY', payload: PAYLOAD, signature: Authenticator.createSignature(key, PAYLOAD) }
]

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const rawHash = (message: string): string => hexOf(Authenticator.createEIP1271MessageHash(message))
const prefixedHash = (message: string): string => hexOf(createEthereumMessageHash(message))

/** A contract that confirms {@link SIGNATURE} of one hash, and reverts otherwise. */
const confirms =
  (expected: string): OnCall =>
  ({ to, hash, signature }) =>
    to === WALLET && hash === expected && `0x${signature}` === SIGNATURE
      ? { result: MAGIC }
      : { error: { code: 3, message: 'execution reverted' } }

/** A node that writes its HTTP answer by itself. */
const writes =
  (write: (response: ServerResponse) => unknown): OnCall =>
  (_, response) => {
    write(response)
    return null
  }

function redirect(response: ServerResponse): void {
  response.writeHead(307, { location: '/elsewhere' }).end()
}

function flood(response: ServerResponse): void {
  const chunk = ' '.repeat(65_536)
  const pour = (): void => {
    while (response.write(chunk));
  }
  response.on('drain', pour)
  pour()
}

describe('a contract wallet', () => {
  let onCall: OnCall
  let node: EthereumNode

  beforeEach(async () => {
    node = await startEthereumNode((call, response) => onCall(call, response))
  })
  afterEach(() => node[Symbol.asyncDispose]())

  const verify = (chain: AuthChain, timeoutMs = paced(30_000)) =>
    new AuthChainVerifier({ ethereumRpcUrl: node.url, timeoutMs }).verify(chain, PAYLOAD, now)

  it.each([
    ['the bare hash', rawHash],
    ['the hash of a personal message', prefixedHash]
  ])('signs %s of a payload', async (_, hashOf) => {
    onCall = confirms(hashOf(PAYLOAD))
    expect(await verify(simple)).toMatchObject({ owner: WALLET, signer: WALLET })
  })

  it('delegates to a key', async () => {
    onCall = confirms(rawHash(delegationPayload))
    const expected = { owner: WALLET, signer: key.address.toLowerCase() }
    expect(await verify(delegated)).toMatchObject(expected)
  })

  it.each<[string, object]>([
    ['answers another value', { result: `0x${'f'.repeat(64)}` }],
    ['reverts', { error: { code: 3, message: 'execution reverted' } }],
    ['is not there', { result: '0x' }]
  ])('is refused when it %s', async (_, answer) => {
    onCall = () => answer
    await expect(verify(simple)).rejects.toMatchObject({ code: 'unauthorized', message: 'Invalid auth chain' })
    await expect(verify(delegated)).rejects.toMatchObject({ code: 'unauthorized' })
  })

  it('gets the verdict of @dcl/crypto for its address: a mixed letter case must be the checksum', async () => {
    onCall = () => ({ result: MAGIC })
    const wallet = '0xAbCdEf0000000000000000000000000000000000'
    const chain: AuthChain = [{ type: 'SIGNER', payload: wallet }, ...simple.slice(1)]
    await expect(verify(chain)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(node.calls).toEqual([])
  })

  it.each<[string, AuthChain]>([
    [
      'a key that signed something else',
      [...delegated.slice(0, 2), { ...(delegated[2] as AuthChain[0]), payload: 'x' }]
    ],
    [
      'a key that is another',
      delegated.with(2, { ...(delegated[2] as AuthChain[0]), signature: `0x${'11'.repeat(64)}1b` })
    ],
    [
      'a delegation that is over',
      delegated.with(1, {
        ...(delegated[1] as AuthChain[0]),
        payload: Authenticator.getEphemeralMessage(key.address, new Date(now))
      })
    ]
  ])('is not even called for %s', async (_, chain) => {
    onCall = () => ({ result: MAGIC })
    await expect(verify(chain)).rejects.toMatchObject({ code: 'unauthorized' })
    expect(node.calls).toEqual([])
  })

  it.each<[string, OnCall]>([
    ['is over its limits', () => ({ error: { code: -32_005, message: 'limit exceeded' } })],
    [
      'answers 503',
      writes(response => response.writeHead(503).end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: MAGIC })))
    ],
    ['answers HTML', writes(response => response.end('<html>Bad gateway</html>'))],
    [
      'sends us elsewhere',
      (_, response) => (response.req.url === '/' ? writes(redirect)(_, response) : { result: MAGIC })
    ],
    ['hangs up', writes(response => response.destroy())],
    ['answers without an end', writes(flood)]
  ])('cannot be checked while the node %s', async (_, answer) => {
    onCall = answer
    await expect(verify(simple)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it.each<[string, OnCall]>([
    ['says nothing', () => null],
    ['stops in the middle', writes(response => response.write('{"jsonrpc":'))]
  ])('is waited for until the deadline when the node %s', async (_, answer) => {
    onCall = answer
    const start = performance.now()
    await expect(verify(simple, 150)).rejects.toMatchObject({ code: 'unavailable' })
    const elapsed = performance.now() - start
    expect(elapsed).toBeGreaterThan(100)
    expect(elapsed).toBeLessThan(paced(3_000))
  })

  it('waits with at most 63 others, of whom one address has 16', async () => {
    const held: (() => void)[] = []
    onCall = (_, response) => {
      held.push(() => response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: MAGIC })))
      return null
    }
    const verifier = new AuthChainVerifier({ ethereumRpcUrl: node.url, timeoutMs: paced(20_000) })
    const tooMany = { code: 'unavailable', retryAfterMs: 1_000 }
    const waiting = Array.from({ length: 16 }, () => verifier.verify(simple, PAYLOAD, now, 'one'))
    await expect(verifier.verify(simple, PAYLOAD, now, 'one')).rejects.toMatchObject(tooMany)
    for (let at = 16; at < 64; at++) waiting.push(verifier.verify(simple, PAYLOAD, now, `other-${at}`))
    await expect(verifier.verify(simple, PAYLOAD, now, 'another')).rejects.toMatchObject(tooMany)

    await until(() => held.length === 64, 'the node is asked by all')
    for (const release of held) release()
    await Promise.all(waiting)
    onCall = () => ({ result: MAGIC })
    await verifier.verify(simple, PAYLOAD, now)
  })

  it('is asked about within the budget of its address, and in time again', async () => {
    onCall = confirms(rawHash(PAYLOAD))
    const outcomes: string[] = []
    const options = { ethereumRpcUrl: node.url, timeoutMs: paced(30_000), checksPerMinute: 3 }
    const verifier = new AuthChainVerifier({ ...options, onCheck: outcome => outcomes.push(outcome) })
    for (let count = 0; count < 3; count++) await verifier.verify(simple, PAYLOAD, now, 'one')
    // What was spent within a second or two is not back yet.
    const attempts = Array.from({ length: 3 }, () => verifier.verify(simple, PAYLOAD, now, 'one'))
    const settled = await Promise.allSettled(attempts)
    const refused = settled.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused.length).toBeGreaterThanOrEqual(2)
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'too_many_requests' })
      expect(error.retryAfterMs).toBeGreaterThan(0)
      expect(error.retryAfterMs).toBeLessThanOrEqual(20_000)
    }
    await verifier.verify(simple, PAYLOAD, now, 'other')
    expect(outcomes.filter(outcome => outcome === 'limited')).toHaveLength(refused.length)
  })

  it('is refused at once while the node keeps failing, which plain accounts do not notice', async () => {
    onCall = writes(response => response.destroy())
    const outcomes: string[] = []
    const options = { ethereumRpcUrl: node.url, timeoutMs: paced(30_000) }
    const verifier = new AuthChainVerifier({ ...options, onCheck: outcome => outcomes.push(outcome) })
    for (let count = 0; count < 5; count++) {
      await expect(verifier.verify(simple, PAYLOAD, now)).rejects.toMatchObject({ code: 'unavailable' })
    }
    const calls = node.calls.length
    await expect(verifier.verify(simple, PAYLOAD, now)).rejects.toMatchObject({ code: 'unavailable' })
    expect(node.calls.length).toBe(calls)
    expect(outcomes).toEqual([...Array(5).fill('failed'), 'open'])
    const plain: AuthChain = [
      { type: 'SIGNER', payload: key.address },
      { type: 'ECDSA_SIGNED_ENTITY', payload: PAYLOAD, signature: Authenticator.createSignature(key, PAYLOAD) }
    ]
    expect(await verifier.verify(plain, PAYLOAD, now)).toMatchObject({ owner: key.address.toLowerCase() })
  })

  it('cannot log in where no Ethereum RPC is configured', async () => {
    const verifier = new AuthChainVerifier({ ethereumRpcUrl: null, timeoutMs: 5_000 })
    await expect(verifier.verify(delegated, PAYLOAD, now)).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('Ethereum RPC')
    })
  })
})
