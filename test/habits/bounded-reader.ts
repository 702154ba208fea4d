import { SocialServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { createRpcClient } from '@dcl/rpc/dist/client.js'
import { loadService } from '@dcl/rpc/dist/codegen.js'
import { type IWebSocket, WebSocketTransport } from '@dcl/rpc/dist/transports/WebSocket.js'
import { WebSocket } from 'ws'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { Env } from '../env/app.ts'
import { handshakeOf } from '../env/v2.ts'

/*
 * The Unity explorer reads a message into a buffer of this size and does not look whether it goes on; what it has of a longer
 * one is no message, and the socket is aborted. It fills its lists by page numbers of a fixed size, however many entries came.
 * decentraland/unity-explorer at 6dd818f4d881de968460647d6b332583e8708910: Explorer/Assets/DCL/Social/WebSocketRpcTransport.cs,
 * Explorer/Assets/DCL/Friends/RPCFriendsService.cs, UI/FriendPanel/Sections/FriendPanelRequestManagerBase.cs beside it, and
 * Explorer/Assets/DCL/PluginSystem/Global/FriendsContainer.cs for what it asks at its start.
 */
const RECEIVE_BUFFER = 100_000
/** Of the panels of friends and of blocked users. */
const PANEL_PAGE = 50

type Service = ReturnType<typeof loadService<object, typeof SocialServiceDefinition>>

/** A page of a list, as every list of profiles comes. */
interface ProfilePage<Shown> {
  readonly shown: readonly Shown[]
  readonly total: number
}

class BoundedSocket extends WebSocket {
  /** Bytes of the longest message that came. */
  longest = 0

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'message') {
      const { byteLength } = args[0] as ArrayBuffer
      this.longest = Math.max(this.longest, byteLength)
      if (byteLength > RECEIVE_BUFFER) {
        this.terminate()
        return true
      }
    }
    return super.emit(event, ...args)
  }
}

/** A user of that explorer. Whatever is asked of it fails once a message was too long for it. */
export class BoundedReader {
  readonly service: Service
  readonly #socket: BoundedSocket

  private constructor(service: Service, socket: BoundedSocket) {
    this.service = service
    this.#socket = socket
  }

  static async connect(env: Env, wallet?: Wallet): Promise<BoundedReader> {
    const user = wallet ?? (await createWallet())
    const socket = new BoundedSocket(env.app.rpcUrl, { perMessageDeflate: false })
    env.onStop(() => socket.terminate())
    const transport = WebSocketTransport(socket as unknown as IWebSocket)
    transport.on('connect', () => socket.send(JSON.stringify(handshakeOf(user))))
    const port = await (await createRpcClient(transport)).createPort('social_service')
    return new BoundedReader(loadService(port, SocialServiceDefinition), socket)
  }

  get isConnected(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Bytes of the longest message that came. */
  get longest(): number {
    return this.#socket.longest
  }

  async friends(pageNumber: number, pageSize: number) {
    const { friends, paginationData } = await this.service.getFriends(pageOf(pageNumber, pageSize))
    return { shown: friends, total: paginationData?.total ?? 0, page: paginationData?.page }
  }

  /** Every friend whom the panel comes to show. */
  allFriends() {
    return this.#all(pageNumber => this.friends(pageNumber, PANEL_PAGE))
  }

  /** Everybody whom the panel of blocked users comes to show. */
  allBlocked() {
    return this.#all(async pageNumber => {
      const { profiles, paginationData } = await this.service.getBlockedUsers(pageOf(pageNumber, PANEL_PAGE))
      return { shown: profiles, total: paginationData?.total ?? 0 }
    })
  }

  async #all<Shown>(page: (number: number) => Promise<ProfilePage<Shown>>): Promise<Shown[]> {
    const all: Shown[] = []
    for (let number = 0; ; number += 1) {
      const { shown, total } = await page(number)
      all.push(...shown)
      if ((number + 1) * PANEL_PAGE >= total) return all
    }
  }
}

const pageOf = (pageNumber: number, limit: number) => ({ pagination: { offset: pageNumber * limit, limit } })
