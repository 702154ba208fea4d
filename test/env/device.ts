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
import { handshakeOf } from './v2.ts'

type Port = Awaited<ReturnType<Awaited<ReturnType<typeof createRpcClient>>['createPort']>>
type V1Service = ReturnType<typeof loadService<object, typeof FriendshipsServiceDefinition>>
type V2Service = ReturnType<typeof loadService<object, typeof SocialServiceDefinition>>

/** What a device was told, or that its connection was lost in between. */
export type Told =
  | { readonly action: FriendshipAction; readonly actor: Address; readonly message: string | null }
  | 'lost'
type Update = Exclude<Told, 'lost'>

/** A friend who came or went. */
interface Sighting {
  readonly friend: Address
  readonly online: boolean
}

/** One protocol as a device speaks it, on one socket. */
interface Speech {
  /** Every element of a subscription; it ends or fails when there are no more. */
  updates(): AsyncIterable<readonly Update[]>
  /** @returns the case of the answer */
  act(action: FriendshipAction, target: Address, message: string | undefined): Promise<string>
}

/** A device that connects, is lost, and comes back, to any instance. */
export abstract class Device {
  readonly address: Address
  readonly told: Told[] = []
  #socket: WebSocket | null = null
  #speech: Speech | null = null
  #closed: Promise<unknown> = Promise.resolve()

  constructor(address: Address) {
    this.address = address
  }

  /** What it says on a new socket before all else. */
  protected abstract greet(socket: WebSocket): void

  /** How it speaks on a socket that is open. */
  protected abstract speak(port: Port): Speech

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Connects to an instance and loads the service. Subscribes to nothing. */
  async connect(rpcUrl: string): Promise<void> {
    const socket = new WebSocket(rpcUrl, { perMessageDeflate: false, handshakeTimeout: 5000 })
    socket.on('error', () => undefined)
    const closed = new Promise(resolve => socket.once('close', resolve))
    await once(socket, 'open')
    this.#closed = closed
    this.greet(socket)
    const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
    this.#speech = this.speak(await client.createPort('social'))
    this.#socket = socket
  }

  /** Takes and acknowledges updates until the stream is over, or so many are told; then no more. Never fails. */
  async listen(limit = Number.POSITIVE_INFINITY): Promise<void> {
    const speech = this.#connected()
    try {
      for await (const updates of speech.updates()) {
        this.told.push(...updates)
        if (this.told.length >= limit) await this.#closed
      }
    } catch {
      // The client's way to say that the connection is gone.
    } finally {
      this.told.push('lost')
    }
  }

  /** @returns `event` when it was done, or the case of the error */
  act(action: FriendshipAction, target: Address, message?: string): Promise<string> {
    return this.#connected().act(action, target, message)
  }

  /** Cuts the connection, without a word to the service. */
  lose(): void {
    this.#socket?.terminate()
  }

  /** Resolves when the connection is gone. */
  async lost(): Promise<void> {
    await this.#closed
  }

  #connected(): Speech {
    if (!this.#speech) throw new Error('The device is not connected')
    return this.#speech
  }
}

/** A v1 device, which is the same again by its token. */
export class TokenDevice extends Device {
  readonly token: string

  constructor(address: Address, token: string) {
    super(address)
    this.token = token
  }

  protected override greet(): void {}

  protected override speak(port: Port): Speech {
    return speechOfV1(loadService(port, FriendshipsServiceDefinition), this.token)
  }
}

/** A v2 device, which is the same again by the key that it signs with. */
export class KeyDevice extends Device {
  /** What it was told of who is online, over all its connections. */
  readonly sightings: Sighting[] = []
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
        this.sightings.push({ friend: friend?.address as Address, online: status === ConnectivityStatus.ONLINE })
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

  protected override greet(socket: WebSocket): void {
    socket.send(JSON.stringify(handshakeOf(this.#wallet)))
  }

  protected override speak(port: Port): Speech {
    this.#service = loadService(port, SocialServiceDefinition)
    return speechOfV2(this.#service)
  }
}

function speechOfV1(service: V1Service, synapseToken: string): Speech {
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

function speechOfV2(service: V2Service): Speech {
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

/** What an action is told with: v1 names the user, v2 shows the friend who asks. */
interface Body {
  readonly user?: { readonly address: string } | undefined
  readonly friend?: { readonly address: string } | undefined
  readonly message?: string | undefined
}

function updateOf(update: { readonly $case: FriendshipAction }): Update {
  const { user, friend, message } = (update as unknown as Record<string, Body>)[update.$case] as Body
  return { action: update.$case, actor: (user ?? friend)?.address as Address, message: message ?? null }
}
