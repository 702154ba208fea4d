import { once } from 'node:events'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import {
  ConnectivityStatus,
  SocialServiceDefinition
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { WebSocket } from 'ws'
import type { Wallet } from '../../demo/wallet.ts'
import type { Address } from '../../src/domain/address.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'
import { paced } from './pace.ts'
import { handshakeOf } from './v2.ts'

type Port = Awaited<ReturnType<Awaited<ReturnType<typeof createRpcClient>>['createPort']>>
type V1Service = ReturnType<typeof loadService<object, typeof FriendshipsServiceDefinition>>
type V2Service = ReturnType<typeof loadService<object, typeof SocialServiceDefinition>>

/** What a device received: an update, or the loss of its connection. */
export type ReceivedUpdate =
  | { readonly action: FriendshipAction; readonly actor: Address; readonly message: string | null }
  | 'disconnected'
type Update = Exclude<ReceivedUpdate, 'disconnected'>

/** A friend who came online or went offline. */
interface ConnectivityObservation {
  readonly friend: Address
  readonly online: boolean
}

/** One protocol, as a device uses it on one socket. */
interface ProtocolClient {
  /** Every element of a subscription; it ends or fails when there are no more. */
  updates(): AsyncIterable<readonly Update[]>
  /** @returns the case of the answer */
  act(action: FriendshipAction, target: Address, message: string | undefined): Promise<string>
}

/** A device that connects, is lost, and comes back, to any instance. */
export abstract class Device {
  readonly address: Address
  readonly received: ReceivedUpdate[] = []
  #socket: WebSocket | null = null
  #client: ProtocolClient | null = null
  #closed: Promise<unknown> = Promise.resolve()

  constructor(address: Address) {
    this.address = address
  }

  /** What it sends on a new socket before all else. */
  protected abstract sendHandshake(socket: WebSocket): void

  /** The client of its protocol, on a socket that is open. */
  protected abstract createClient(port: Port): ProtocolClient

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Connects to an instance and loads the service. Subscribes to nothing. */
  async connect(rpcUrl: string): Promise<void> {
    const socket = new WebSocket(rpcUrl, { perMessageDeflate: false, handshakeTimeout: paced(5_000) })
    socket.on('error', () => undefined)
    const closed = new Promise(resolve => socket.once('close', resolve))
    await once(socket, 'open')
    this.#closed = closed
    this.sendHandshake(socket)
    const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
    this.#client = this.createClient(await client.createPort('social'))
    this.#socket = socket
  }

  /** Takes and acknowledges updates until the stream is over, or so many have come; then no more. Never fails. */
  async listen(limit = Number.POSITIVE_INFINITY): Promise<void> {
    const client = this.#connected()
    try {
      for await (const updates of client.updates()) {
        this.received.push(...updates)
        if (this.received.length >= limit) await this.#closed
      }
    } catch {
      // The client's way to say that the connection is gone.
    } finally {
      this.received.push('disconnected')
    }
  }

  /** @returns `event` when it was done, or the case of the error */
  act(action: FriendshipAction, target: Address, message?: string): Promise<string> {
    return this.#connected().act(action, target, message)
  }

  /** Cuts the connection, without a word to the service. */
  terminate(): void {
    this.#socket?.terminate()
  }

  /** Resolves when the connection is gone. */
  async disconnected(): Promise<void> {
    await this.#closed
  }

  #connected(): ProtocolClient {
    if (!this.#client) throw new Error('The device is not connected')
    return this.#client
  }
}

/** A v1 device, which is the same again by its token. */
export class TokenDevice extends Device {
  readonly token: string

  constructor(address: Address, token: string) {
    super(address)
    this.token = token
  }

  protected override sendHandshake(): void {}

  protected override createClient(port: Port): ProtocolClient {
    return v1Client(loadService(port, FriendshipsServiceDefinition), this.token)
  }
}

/** A v2 device, which is the same again by the key that it signs with. */
export class KeyDevice extends Device {
  /** What it received of who is online, over all its connections. */
  readonly observations: ConnectivityObservation[] = []
  readonly #wallet: Wallet
  #service: V2Service | null = null

  constructor(wallet: Wallet) {
    super(wallet.address)
    this.#wallet = wallet
  }

  /** Writes down which friends come and go, until the stream is over. Never fails. */
  async watch(): Promise<void> {
    try {
      for await (const { friend, status } of this.#service?.subscribeToFriendConnectivityUpdates({}) ?? []) {
        this.observations.push({ friend: friend?.address as Address, online: status === ConnectivityStatus.ONLINE })
      }
    } catch {
      // The client's way to say that the connection is gone.
    }
  }

  /** @returns the case of the answer */
  async block(user: Address): Promise<string> {
    const answer = await this.#service?.blockUser({ user: { address: user } })
    return answer?.response?.$case ?? 'nothing'
  }

  protected override sendHandshake(socket: WebSocket): void {
    socket.send(JSON.stringify(handshakeOf(this.#wallet)))
  }

  protected override createClient(port: Port): ProtocolClient {
    this.#service = loadService(port, SocialServiceDefinition)
    return v2Client(this.#service)
  }
}

function v1Client(service: V1Service, synapseToken: string): ProtocolClient {
  return {
    async *updates() {
      for await (const { response } of service.subscribeFriendshipEventsUpdates({ synapseToken })) {
        if (response?.$case !== 'events') return
        yield response.events.responses.flatMap(({ body }) => (body ? [updateOf(body)] : []))
      }
    },
    async act(action, target, message) {
      const event = { body: { $case: action, [action]: { user: { address: target }, message } } as never }
      const { response } = await service.updateFriendshipEvent({ event, authToken: { synapseToken } })
      return response?.$case ?? 'nothing'
    }
  }
}

function v2Client(service: V2Service): ProtocolClient {
  return {
    async *updates() {
      for await (const { update } of service.subscribeToFriendshipUpdates({})) {
        if (update && update.$case !== 'block') yield [updateOf(update)]
      }
    },
    async act(action, target, message) {
      const payload = { $case: action, [action]: { user: { address: target }, message } } as never
      const { response } = await service.upsertFriendship({ action: payload })
      return response?.$case === 'accepted' ? 'event' : (response?.$case ?? 'nothing')
    }
  }
}

/** What an update carries: v1 names the user, v2 shows the friend who asks. */
interface Body {
  readonly user?: { readonly address: string } | undefined
  readonly friend?: { readonly address: string } | undefined
  readonly message?: string | undefined
}

function updateOf(update: { readonly $case: FriendshipAction }): Update {
  const { user, friend, message } = (update as unknown as Record<string, Body>)[update.$case] as Body
  return { action: update.$case, actor: (user ?? friend)?.address as Address, message: message ?? null }
}
