import { Authenticator } from '@dcl/crypto'
import {
  type FriendProfile,
  SocialServiceDefinition
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { createSocialClientV2 } from '@dcl/social-rpc-client'
import { WebSocket } from 'ws'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { Env } from './app.ts'
import { ReceivedUpdates } from './received-updates.ts'

type V2Client = ReturnType<typeof createSocialClientV2>
type V2Service = ReturnType<typeof loadService<object, typeof SocialServiceDefinition>>

/** A wallet whose socket is open through the published v2 client. */
export interface V2User extends Wallet {
  readonly client: V2Client
}

/** A wallet whose socket is open through the generated definition, which has every method and every error case. */
export interface V2Device extends Wallet {
  readonly service: V2Service
  readonly socket: WebSocket
}

/** Connects a wallet through the published client, a new one unless one is given: another device of the same user. */
export async function loginV2(env: Env, wallet?: Wallet): Promise<V2User> {
  const { address, identity } = wallet ?? (await createWallet())
  const client = createSocialClientV2(env.app.rpcUrl)
  await client.connect(identity)
  env.onStop(() => client.disconnect())
  return { address, identity, client }
}

/** As {@link loginV2}, through the generated definition. */
export async function connectV2(env: Env, wallet?: Wallet): Promise<V2Device> {
  const { address, identity } = wallet ?? (await createWallet())
  const socket = new WebSocket(env.app.rpcUrl, { perMessageDeflate: false })
  env.onStop(() => socket.terminate())
  const transport = WebSocketTransport(socket as unknown as IWebSocket)
  transport.on('connect', () => socket.send(JSON.stringify(handshakeOf({ address, identity }))))
  const port = await (await createRpcClient(transport)).createPort('social')
  return { address, identity, socket, service: loadService(port, SocialServiceDefinition) }
}

/** What a client signs to open its socket. */
export interface Signed {
  readonly method?: string
  readonly path?: string
  readonly timestamp?: number
  readonly metadata?: object
}

/** The headers with which a wallet opens its socket. */
export function handshakeOf({ identity }: Wallet, signed: Signed = {}): Record<string, string> {
  const { method = 'get', path = '/', timestamp = Date.now(), metadata = {} } = signed
  const text = JSON.stringify(metadata)
  const chain = Authenticator.signPayload(identity, [method, path, timestamp, text].join(':').toLowerCase())
  const links = chain.map((link, at) => [`x-identity-auth-chain-${at}`, JSON.stringify(link)])
  return { ...Object.fromEntries(links), 'x-identity-timestamp': String(timestamp), 'x-identity-metadata': text }
}

/** Listens to a stream of a user, from when this resolves. */
export function listen<Item>(
  env: Env,
  address: Wallet['address'],
  stream: AsyncIterable<Item>
): Promise<ReceivedUpdates<Item>> {
  return env.opened(address, () => new ReceivedUpdates(stream))
}

/** Whom an update of connectivity is about, and whether they are online. */
export function connectivity({ friend, status }: { friend: FriendProfile | undefined; status: number }): string {
  return `${friend?.address} ${status === 0 ? 'online' : 'offline'}`
}

/** A profile of which nothing but the address is known. */
export const bare = (address: string): FriendProfile => ({
  address,
  name: `${address.slice(0, 6)}…${address.slice(-4)}`,
  hasClaimedName: false,
  profilePictureUrl: ''
})
