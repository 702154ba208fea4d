import { readFileSync } from 'node:fs'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import protobuf from 'protobufjs'
import { WebSocket } from 'ws'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { FriendshipAction } from '../../src/domain/friendship.ts'
import { logIn } from './login.ts'

const PUBLISHED = '../../node_modules/@dcl/protocol/proto/decentraland/social_service/v1/social_service_v1.proto'

/** The additions of ADR-246, as its proof of concept defines them. */
const ADDITIONS = `
message Position { optional string realm = 1; optional string x = 2; optional string y = 3; }
message Positions { repeated Position positions = 1; }
message PositionPayload { optional Position position = 1; optional Payload auth_token = 2; }
message PositionResponse {
  oneof response {
    Position position = 1;
    InternalServerError internal_server_error = 2;
    UnauthorizedError unauthorized_error = 3;
    ForbiddenError forbidden_error = 4;
    TooManyRequestsError too_many_requests_error = 5;
    BadRequestError bad_request_error = 6;
  }
}
message SubscribeFriendshipPresenceUpdatesResponse {
  oneof response {
    Positions updates = 1;
    InternalServerError internal_server_error = 2;
    UnauthorizedError unauthorized_error = 3;
    ForbiddenError forbidden_error = 4;
    TooManyRequestsError too_many_requests_error = 5;
  }
}
`
const published = readFileSync(new URL(PUBLISHED, import.meta.url), 'utf8')
const { root } = protobuf.parse(published + ADDITIONS)
const PACKAGE = 'decentraland.social_service.v1'

export interface Position {
  readonly realm?: string
  readonly x?: string
  readonly y?: string
}

interface PositionPayload {
  readonly position?: Position
  readonly authToken?: { readonly synapseToken: string }
}

/** `response` is the name of the case that is there. */
interface PositionResponse {
  readonly response: string
  readonly position?: Position
}

interface PresenceUpdates {
  readonly response: string
  readonly updates?: { readonly positions: Position[] }
}

/** An optional field is a oneof of its own, named with an underscore: that is of no interest. */
function withoutOptionals(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOptionals)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([name]) => !name.startsWith('_'))
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutOptionals(field)]))
}

/** A codec that is made from the definition, and knows nothing of the service. */
function codecOf<Message extends object>(name: string) {
  const type = root.lookupType(`${PACKAGE}.${name}`)
  const decode = (bytes: Uint8Array | protobuf.Reader): Message =>
    withoutOptionals(type.toObject(type.decode(bytes), { oneofs: true, arrays: true })) as Message
  return { encode: (message: Message) => type.encode(type.fromObject(message)), decode, fromJSON: type.fromObject }
}

export const CODECS = {
  positionPayload: codecOf<PositionPayload>('PositionPayload'),
  positionResponse: codecOf<PositionResponse>('PositionResponse'),
  presenceUpdates: codecOf<PresenceUpdates>('SubscribeFriendshipPresenceUpdatesResponse')
}

const { getFriends, updateFriendshipEvent } = FriendshipsServiceDefinition.methods
const DEFINITION = {
  ...FriendshipsServiceDefinition,
  methods: {
    updateFriendshipEvent,
    getOnlineFriends: { ...getFriends, name: 'GetOnlineFriends' },
    positionHeartbeat: {
      name: 'PositionHeartbeat',
      requestType: CODECS.positionPayload,
      requestStream: false,
      responseType: CODECS.positionResponse,
      responseStream: false,
      options: {}
    },
    subscribeFriendshipPresenceUpdates: {
      name: 'SubscribeFriendshipPresenceUpdates',
      requestType: getFriends.requestType,
      requestStream: false,
      responseType: CODECS.presenceUpdates,
      responseStream: true,
      options: {}
    }
  }
} as const

type Service = ReturnType<typeof loadService<object, typeof DEFINITION>>

/** What one subscription received. */
export class Observations {
  /** The positions of each message, and when it came, by the monotonic clock in milliseconds. */
  readonly messages: { readonly at: number; readonly positions: readonly Position[] }[] = []
  /** How it ended: the case of its last element, or what failed. */
  ended: string | null = null

  constructor(stream: AsyncIterable<PresenceUpdates>) {
    this.#listen(stream).catch(error => {
      this.ended = String(error)
    })
  }

  /** The last position that came with this realm. */
  last(realm: string): Position | undefined {
    return this.positions.findLast(position => position.realm === realm)
  }

  /** Of all messages. */
  get positions(): Position[] {
    return this.messages.flatMap(({ positions }) => positions)
  }

  async #listen(stream: AsyncIterable<PresenceUpdates>): Promise<void> {
    let last = 'in good order'
    for await (const { response, updates } of stream) {
      if (updates) this.messages.push({ at: performance.now(), positions: updates.positions })
      else last = response
    }
    this.ended = last
  }
}

interface Urls {
  readonly httpUrl: string
  readonly rpcUrl: string
}

/** A v1 device that shows where its user is. */
export class PresenceClient {
  readonly wallet: Wallet
  readonly token: string
  readonly #socket: WebSocket
  readonly #service: Service

  private constructor(wallet: Wallet, token: string, socket: WebSocket, service: Service) {
    this.wallet = wallet
    this.token = token
    this.#socket = socket
    this.#service = service
  }

  /**
   * @param wallet a new one unless one is given: another device of the same user
   * @param session the access token of a login that there was before; without one the wallet logs in
   */
  static async connect({ httpUrl, rpcUrl }: Urls, wallet?: Wallet, session?: string): Promise<PresenceClient> {
    const known = wallet ?? (await createWallet())
    const token = session ?? (await logIn(httpUrl, known))
    const socket = new WebSocket(rpcUrl, { perMessageDeflate: false })
    socket.on('error', () => undefined)
    const client = await createRpcClient(WebSocketTransport(socket as unknown as IWebSocket))
    const service = loadService<object, typeof DEFINITION>(await client.createPort('social'), DEFINITION)
    return new PresenceClient(known, token, socket, service)
  }

  get address(): Wallet['address'] {
    return this.wallet.address
  }

  /** @returns the answer, as its case and what is in it */
  heartbeat(position: Position | undefined, token: string | null = this.token): Promise<PositionResponse> {
    return this.#service.positionHeartbeat({
      ...(position && { position }),
      ...(token !== null && { authToken: { synapseToken: token } })
    })
  }

  /** @returns the pages of addresses; of an error its case */
  async onlineFriends(token = this.token): Promise<(string[] | string)[]> {
    const pages: (string[] | string)[] = []
    for await (const { response } of this.#service.getOnlineFriends({ synapseToken: token })) {
      const isPage = response?.$case === 'users'
      pages.push(isPage ? response.users.users.map(({ address }) => address) : (response?.$case ?? 'nothing'))
    }
    return pages
  }

  /** Listens from when the service answers. */
  observe(token = this.token): Observations {
    return new Observations(this.#service.subscribeFriendshipPresenceUpdates({ synapseToken: token }))
  }

  async act(action: FriendshipAction, target: { readonly address: string }): Promise<void> {
    const body = { $case: action, [action]: { user: { address: target.address } } } as never
    const authToken = { synapseToken: this.token }
    const { response } = await this.#service.updateFriendshipEvent({ event: { body }, authToken })
    if (response?.$case !== 'event') throw new Error(`It was answered with ${response?.$case}`)
  }

  async befriend(other: PresenceClient): Promise<void> {
    await this.act('request', other)
    await other.act('accept', this)
  }

  disconnect(): void {
    this.#socket.close()
  }
}
