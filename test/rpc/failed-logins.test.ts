import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { expect, it } from 'vitest'
import { createWallet } from '../../demo/wallet.ts'
import { Env } from '../env/app.ts'
import { logIn } from '../env/login.ts'
import { handshakeOf } from '../env/v2.ts'
import { RawClient } from './engine/clients.ts'
import { request } from './engine/frames.ts'

const ATTACKER = { localAddress: '127.0.0.66' }
const { requestType } = FriendshipsServiceDefinition.methods.getRequestEvents

it('invalid tokens and handshakes of one address are refused unseen after a while, and others are served', async () => {
  await using env = await Env.start({ FAILED_LOGINS_PER_MINUTE: '1' })
  const token = await logIn(env.app.httpUrl, await createWallet())
  const open = async (options = {}) => {
    const client = await RawClient.open(env.app.rpcUrl, options)
    env.onStop(() => client.socket.terminate())
    const { portId, ids } = await client.load('FriendshipsService')
    return async (synapseToken: string): Promise<string> => {
      const payload = requestType.encode({ synapseToken }).finish()
      client.send(request(3, portId, ids['GetRequestEvents']!, payload))
      return Buffer.from((await client.next()).message.payload).toString()
    }
  }
  const known = await open(ATTACKER)
  expect(await known(token)).not.toMatch(/Invalid|Too many/)

  const call = await open(ATTACKER)
  for (let failures = 0; failures < 2; failures++) expect(await call(`none ${failures}`)).toContain('Invalid access')
  expect(await call('none either')).toContain('Too many failed logins')
  using signed = await RawClient.open(env.app.rpcUrl, ATTACKER)
  signed.send(JSON.stringify(handshakeOf(await createWallet())))
  expect((await signed.closed).code).toBe(1013)

  expect(await known(token)).not.toMatch(/Invalid|Too many/)
  expect(await (await open())(token)).not.toMatch(/Invalid|Too many/)
})
