import { afterEach, expect, it } from 'vitest'
import { type OnCall, startEthereumNode } from '../../auth/ethereum-node.ts'
import { Rest, startService } from '../../env/rest.ts'

const WALLET = '0x00000000000000000000000000000000000000c0'
const SIGNATURE = `0x${'ab'.repeat(130)}`
const MAGIC = `0x1626ba7e${'0'.repeat(56)}`

const confirms: OnCall = ({ to, signature }) =>
  to === WALLET && `0x${signature}` === SIGNATURE
    ? { result: MAGIC }
    : { error: { code: 3, message: 'execution reverted' } }
const hangs: OnCall = () => null

const started: AsyncDisposable[] = []
afterEach(async () => {
  for (const part of started.splice(0).reverse()) await part[Symbol.asyncDispose]()
})

async function start(settings: Record<string, string>): Promise<(signature?: string) => ReturnType<Rest['post']>> {
  const env = await startService(settings)
  started.push(env)
  let timestamp = Date.now()
  return (signature = SIGNATURE) => {
    timestamp -= 1
    return new Rest(env.app.httpUrl).post('/_matrix/client/r0/login', {
      type: 'm.login.decentraland',
      identifier: { type: 'm.id.user', user: WALLET },
      timestamp: String(timestamp),
      auth_chain: [
        { type: 'SIGNER', payload: WALLET, signature: '' },
        { type: 'ECDSA_EIP_1654_SIGNED_ENTITY', payload: String(timestamp), signature }
      ]
    })
  }
}

it('a contract wallet logs in when its contract confirms the signature', async () => {
  const node = await startEthereumNode(confirms)
  started.push(node)
  const login = await start({ ETHEREUM_RPC_URL: node.url })
  expect(await login()).toMatchObject({ status: 200, body: { social_user_id: WALLET } })
  expect(await login(`0x${'cd'.repeat(65)}`)).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN' } })
})

it('a contract wallet is refused as unavailable when no node answers', async () => {
  const login = await start({})
  const error = 'Contract wallets need an Ethereum RPC, which this server does not have configured'
  expect(await login()).toMatchObject({ status: 403, body: { errcode: 'M_FORBIDDEN', error } })
})

it('a contract wallet is not kept waiting by a node that hangs', async () => {
  const node = await startEthereumNode(hangs)
  started.push(node)
  const login = await start({ ETHEREUM_RPC_URL: node.url, ETHEREUM_TIMEOUT: '100ms', LOG_LEVEL: 'silent' })
  const answer = await login()
  expect(answer).toMatchObject({ status: 503, body: { errcode: 'M_UNKNOWN', error: /did not answer/ } })
  expect(answer.text).not.toContain(node.url)
})
