import {
  ConnectivityStatus,
  type FriendConnectivityUpdate,
  type FriendshipUpdate,
  SocialServiceDefinition,
  type UpsertFriendshipPayload
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { WebSocket } from 'ws'
import type { Address } from '../src/domain/address.ts'
import { handshakeOf } from '../test/env/v2.ts'
import { Updates, until } from './updates.ts'
import { createWallet } from './wallet.ts'

type Service = ReturnType<typeof loadService<object, typeof SocialServiceDefinition>>
export type ExplorerAction = 'request' | 'accept'

/** Streams that an explorer listens to. */
export const EXPLORER_STREAMS = 3

/** How somebody is called. */
type NameOf = (address: string | undefined) => string

/** A client of protocol v2, whose habits are those of the explorers that ship. */
export class Explorer {
  readonly address: Address
  /** What happened to its friendships. */
  readonly updates = new Updates()
  /** Friends who are online. */
  readonly #online = new Set<string>()
  /** How often it subscribed. */
  #subscriptions = 0
  readonly #socket: WebSocket
  readonly #service: Service
  readonly #nameOf: NameOf

  private constructor(address: Address, socket: WebSocket, service: Service, nameOf: NameOf) {
    this.address = address
    this.#socket = socket
    this.#service = service
    this.#nameOf = nameOf
  }

  /** Opens a socket for a new wallet. */
  static async connect(rpcUrl: string, nameOf: NameOf): Promise<Explorer> {
    const wallet = await createWallet()
    const socket = new WebSocket(rpcUrl, { perMessageDeflate: false })
    const transport = WebSocketTransport(socket as unknown as IWebSocket)
    transport.on('connect', () => socket.send(JSON.stringify(handshakeOf(wallet))))
    const port = await (await createRpcClient(transport)).createPort('social')
    return new Explorer(wallet.address, socket, loadService(port, SocialServiceDefinition), nameOf)
  }

  /** Subscribes to all three streams. Called again, it does so on the same socket, and forgets the older ones. */
  subscribe(): void {
    const { updates } = this
    this.#subscriptions += 1
    updates.listen(this.#untilForgotten(this.#service.subscribeToFriendshipUpdates({})), it => this.#inWords(it))
    updates.listen(this.#untilForgotten(this.#service.subscribeToBlockUpdates({})), ({ address }) => {
      return `block of ${this.#nameOf(address)}`
    })
    this.#watch(this.#service.subscribeToFriendConnectivityUpdates({})).catch(() => undefined) // ends with the socket
  }

  async act(action: ExplorerAction, { address }: Explorer): Promise<void> {
    const { response } = await this.#service.upsertFriendship({ action: payloadOf(action, address) })
    if (response?.$case !== 'accepted') throw new Error(`the answer was ${response?.$case}`)
  }

  /** Its friends, by their names, of a page of that size. */
  async friends(limit: number): Promise<string[]> {
    const { friends } = await this.#service.getFriends({ pagination: { limit, offset: 0 } })
    return friends.map(({ address }) => this.#nameOf(address))
  }

  /** Waits until it knows of a friend that they are online. */
  sees({ address }: Explorer): Promise<void> {
    return until(() => this.#online.has(address))
  }

  /** Reads nothing and answers no ping for so long, in milliseconds. */
  async standStill(ms: number): Promise<void> {
    this.#socket.pause()
    await new Promise(resolve => setTimeout(resolve, ms))
    this.#socket.resume()
  }

  /** Resolves when the service has answered a ping. */
  ping(): Promise<void> {
    return new Promise(resolve => {
      this.#socket.once('pong', () => resolve())
      this.#socket.ping()
    })
  }

  leave(): void {
    this.#socket.terminate()
  }

  #inWords({ update }: FriendshipUpdate): string {
    switch (update?.$case) {
      case 'request':
        return `request of ${this.#nameOf(update.request.friend?.address)}`
      case 'accept':
        return `accept of ${this.#nameOf(update.accept.user?.address)}`
      default:
        return `${update?.$case}`
    }
  }

  /** What a stream brings until there is a newer one, and nobody looks at this one any more. */
  async *#untilForgotten<Update>(stream: AsyncIterable<Update>): AsyncGenerator<Update> {
    const own = this.#subscriptions
    for await (const update of stream) {
      if (own === this.#subscriptions) yield update
    }
  }

  async #watch(stream: AsyncIterable<FriendConnectivityUpdate>): Promise<void> {
    for await (const { friend, status } of stream) {
      if (status === ConnectivityStatus.ONLINE) this.#online.add(friend?.address ?? '')
      else this.#online.delete(friend?.address ?? '')
    }
  }
}

function payloadOf(action: ExplorerAction, address: Address): UpsertFriendshipPayload['action'] {
  const user = { address }
  return action === 'request' ? { $case: action, request: { user } } : { $case: action, accept: { user } }
}
