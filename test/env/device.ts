import { once } from 'node:events'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { WebSocket } from 'ws'
import type { Address } from '../../src/domain/address.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'

type Service = ReturnType<typeof loadService<object, typeof FriendshipsServiceDefinition>>

/** What a device was told, or that its connection was lost in between. */
export type Told =
  | { readonly action: FriendshipAction; readonly actor: Address; readonly message: string | null }
  | 'lost'

/** A v1 device whose token outlives its sockets: it connects, is lost, and comes back, to any instance. */
export class Device {
  readonly address: Address
  readonly told: Told[] = []
  readonly token: string
  #socket: WebSocket | null = null
  #service: Service | null = null
  #closed: Promise<unknown> = Promise.resolve()

  constructor(address: Address, token: string) {
    this.address = address
    this.token = token
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Connects to an instance and loads the service. Subscribes to nothing. */
  async connect(rpcUrl: string): Promise<void> {
    const socket = new WebSocket(rpcUrl, { perMessageDeflate: false, handshakeTimeout: 5000 })
    socket.on('error', () => undefined)
    this.#closed = new Promise(resolve => socket.once('close', resolve))
    await once(socket, 'open')
    const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
    this.#service = loadService(await client.createPort('social'), FriendshipsServiceDefinition)
    this.#socket = socket
  }

  /** Takes and acknowledges updates until the stream is over, or so many are told; then no more. Never fails. */
  async listen(limit = Number.POSITIVE_INFINITY): Promise<void> {
    const service = this.#connected()
    try {
      for await (const { response } of service.subscribeFriendshipEventsUpdates({ synapseToken: this.token })) {
        if (response?.$case !== 'events') break
        for (const { body } of response.events.responses) {
          if (body) this.told.push(toldOf(body))
        }
        if (this.told.length >= limit) await this.#closed
      }
    } catch {
      // The client's way to say that the connection is gone.
    } finally {
      this.told.push('lost')
    }
  }

  /** @returns the case of the answer: `event`, or that of the error */
  async act(action: FriendshipAction, target: Address, message?: string): Promise<string> {
    const user = { address: target }
    const body = { $case: action, [action]: { user, message } } as never
    const authToken = { synapseToken: this.token }
    const { response } = await this.#connected().updateFriendshipEvent({ event: { body }, authToken })
    return response?.$case ?? 'nothing'
  }

  /** Cuts the connection, without a word to the service. */
  lose(): void {
    this.#socket?.terminate()
  }

  /** Resolves when the connection is gone. */
  async lost(): Promise<void> {
    await this.#closed
  }

  #connected(): Service {
    if (!this.#service) throw new Error('The device is not connected')
    return this.#service
  }
}

interface Body {
  readonly user: { readonly address: string } | undefined
  readonly message?: string | undefined
}

function toldOf(body: { readonly $case: FriendshipAction }): Told {
  const { user, message } = (body as unknown as Record<string, Body>)[body.$case] as Body
  return { action: body.$case, actor: user?.address as Address, message: message ?? null }
}
