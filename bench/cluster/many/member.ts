import { setTimeout as wait } from 'node:timers/promises'
import {
  ConnectivityStatus,
  FriendConnectivityUpdate
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { Empty } from '@dcl/protocol/out-js/google/protobuf/empty.gen.js'
import type { Address } from '../../../src/domain/address.ts'
import { request, SECOND_SUBSCRIPTION, SUBSCRIPTION } from '../../load/frames.ts'
import { type Procedures, RpcSocket } from '../../load/rpc-socket.ts'
import type { Balancer, Place } from './balancer.ts'

/** Clients do not all notice in the same instant, and come back within this, in milliseconds. */
const SPREAD_MS = 1_000
/** A client that could not come back tries again after a time between these, in milliseconds. */
const AGAIN_MS = { least: 500, most: 1_500 }

const EMPTY = Empty.encode({}).finish()

/** What the clients of one process have in common. */
interface MemberDeps {
  readonly balancer: Balancer
  /** The first message of a member, signed not long ago. */
  readonly handshake: (at: number) => string
  /** A bit for each friend of a member, by its address. */
  readonly friendBit: (at: number, address: string) => number
  readonly onUpdate: (at: number, payload: Uint8Array) => void
  readonly onOffline: (address: string) => void
  readonly onAway: (at: number, ms: number) => void
  readonly onBack: (ms: number) => void
  readonly onFailure: (why: string) => void
}

/** A v2 client that listens to updates, and comes back by itself to any instance whenever it lost its connection. */
export class Member {
  readonly at: number
  readonly address: Address
  readonly #deps: MemberDeps
  #socket: RpcSocket | null = null
  #place: Place | null = null
  #isWatching = false
  /** Friends that are shown as online, a bit each. */
  #shown = 0

  constructor(at: number, address: Address, deps: MemberDeps) {
    this.at = at
    this.address = address
    this.#deps = deps
  }

  get isHere(): boolean {
    return this.#socket !== null
  }

  get shown(): number {
    return this.#shown
  }

  /** @throws Error when it cannot connect: then it may be tried again */
  async arrive(onVerified?: () => void): Promise<void> {
    const { balancer } = this.#deps
    const place = balancer.take()
    let socket: RpcSocket | null = null
    try {
      socket = await RpcSocket.open(place.url, this.#deps.handshake(this.at))
      onVerified?.()
      numbers = await socket.load('SocialService')
      const subscription = requestOf('SubscribeToFriendshipUpdates', EMPTY, SUBSCRIPTION)
      await socket.subscribe(subscription, SUBSCRIPTION, payload => this.#deps.onUpdate(this.at, payload))
      if (this.#isWatching) await this.#watch(socket)
    } catch (error) {
      socket?.end()
      balancer.release(place)
      balancer.avoid(place)
      throw error
    }
    this.#socket = socket
    this.#place = place
    const arrived = socket
    arrived.onFailure(error => this.#lost(arrived, error))
  }

  async watchFriends(): Promise<void> {
    this.#isWatching = true
    // One that is just coming back does so by itself.
    if (this.#socket) await this.#watch(this.#socket)
  }

  /** @throws Error when there is no connection, or it is lost meanwhile */
  async call(frame: Buffer): Promise<Uint8Array> {
    const socket = this.#socket
    if (!socket) throw new Error('Not connected')
    try {
      return await socket.call(frame)
    } catch (error) {
      this.#lost(socket, error as Error)
      throw error
    }
  }

  leave(): void {
    this.#socket?.end()
    this.#gone()
  }

  async #watch(socket: RpcSocket): Promise<void> {
    this.#shown = 0
    const subscription = requestOf('SubscribeToFriendConnectivityUpdates', EMPTY, SECOND_SUBSCRIPTION)
    await socket.subscribe(subscription, SECOND_SUBSCRIPTION, payload => this.#onConnectivity(payload))
  }

  #onConnectivity(payload: Uint8Array): void {
    const { friend, status } = FriendConnectivityUpdate.decode(payload)
    const bit = this.#deps.friendBit(this.at, friend!.address)
    if (status === ConnectivityStatus.ONLINE) {
      this.#shown |= bit
    } else {
      this.#shown &= ~bit
      this.#deps.onOffline(friend!.address)
    }
  }

  #lost(socket: RpcSocket, { message }: Error): void {
    if (this.#socket !== socket) return
    this.#deps.onFailure(message)
    this.leave()
    void this.#comeBack(performance.now())
  }

  #gone(): void {
    if (this.#place) this.#deps.balancer.release(this.#place)
    this.#socket = null
    this.#place = null
  }

  async #comeBack(lostAt: number): Promise<void> {
    await wait(Math.random() * SPREAD_MS)
    let awayMs = 0
    const onVerified = (): void => {
      awayMs = performance.now() - lostAt
    }
    while (!this.#socket) {
      try {
        await this.arrive(onVerified)
      } catch (error) {
        this.#deps.onFailure((error as Error).message)
        await wait(AGAIN_MS.least + Math.random() * (AGAIN_MS.most - AGAIN_MS.least))
      }
    }
    this.#deps.onAway(this.at, awayMs)
    this.#deps.onBack(performance.now() - lostAt)
  }
}

/** All instances run the same build, so that a procedure has the same number everywhere. */
let numbers: Procedures = new Map()

/** A request of a procedure that some member has loaded. */
export function requestOf(procedure: string, payload: Uint8Array, number?: number): Buffer {
  return request(numbers.get(procedure)!, payload, number)
}
