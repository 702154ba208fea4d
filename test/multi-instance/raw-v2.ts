import { createWallet, type Wallet } from '../../demo/wallet.ts'
import { handshakeOf } from '../env/v2.ts'
import { RawClient } from '../rpc/engine/clients.ts'
import { TYPE } from '../rpc/engine/frames.ts'

/** A user on v2, a new one unless one is given, who sends frame by frame what a test wants, with the service loaded. */
export async function openRawV2(rpcUrl: string, user?: Wallet) {
  const wallet = user ?? (await createWallet())
  const client = await RawClient.open(rpcUrl)
  client.send(JSON.stringify(handshakeOf(wallet)))
  if ((await client.next()).type !== TYPE.SERVER_READY) throw new Error('The handshake was not accepted')
  const { portId, ids } = await client.load('SocialService')
  return { client, address: wallet.address, portId, idOf: (procedure: string): number => ids[procedure] ?? 0 }
}
