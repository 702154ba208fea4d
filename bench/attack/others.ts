import { Payload } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import { request } from '../load/frames.ts'
import { HttpSocket, httpRequest } from '../load/http-socket.ts'
import type { RpcSocket } from '../load/rpc-socket.ts'
import { authToken, connect } from '../load/v1.ts'
import { others } from './world.ts'

/** How everybody else was served in a span of time; times in milliseconds. */
export interface Served {
  readonly p50: number
  readonly p99: number
  /** Calls that were made, or would have been. */
  readonly calls: number
  readonly failures: number
}

/** Clients with an RPC socket, and clients of REST. */
const CLIENTS = 10
/** Between the calls of a client: what is measured is how long they wait, not how much there is room for. */
const THINK_MS = 40
/** A call that takes longer has failed. */
const PATIENCE_MS = 10_000

/** Honest clients that list their friends, over v1 and REST, now and then with a new socket. */
export class Others {
  readonly #urls: { readonly http: string; readonly rpc: string }
  #durations: number[] = []
  #failures = 0
  #isOver = false
  readonly #running: Promise<void>[] = []

  constructor(urls: { readonly http: string; readonly rpc: string }) {
    this.#urls = urls
    for (let at = 0; at < CLIENTS; at++)
      this.#running.push(
        this.#loop(() => this.#overRpc(at)),
        this.#loop(() => this.#overRest(at))
      )
    this.#running.push(this.#loop(() => this.#newcomer()))
  }

  /** How they were served since the last time that this was asked. */
  take(): Served {
    const sorted = this.#durations.toSorted((a, b) => a - b)
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
    const served = { p50: at(0.5), p99: at(0.99), calls: sorted.length, failures: this.#failures }
    this.#durations = []
    this.#failures = 0
    return served
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running)
  }

  /** Calls again and again by what `begin` makes, which is made anew when it failed. */
  async #loop(begin: () => Promise<{ call(): Promise<unknown>; end(): void }>): Promise<void> {
    let client: Awaited<ReturnType<typeof begin>> | null = null
    while (!this.#isOver) {
      const from = performance.now()
      try {
        client ??= await inTime(begin())
        await inTime(client.call())
        this.#count(performance.now() - from)
      } catch {
        this.#failures++
        this.#count(performance.now() - from)
        client?.end()
        client = null
      }
      await new Promise(resolve => setTimeout(resolve, THINK_MS))
    }
    client?.end()
  }

  /**
   * Counts a call once for each time that one would have been made while it was waited for: else a server that stands
   * still would be measured by the few calls that it answers.
   */
  #count(duration: number): void {
    for (let left = duration; left > 0; left -= THINK_MS) this.#durations.push(left)
  }

  async #overRpc(at: number): Promise<{ call(): Promise<unknown>; end(): void }> {
    const { socket, procedures } = await connect(this.#urls.rpc)
    const frame = request(procedures.get('GetFriends')!, Payload.encode(authToken(others[at]!)).finish())
    return { call: () => socket.collect(frame), end: () => socket.end() }
  }

  async #overRest(at: number): Promise<{ call(): Promise<unknown>; end(): void }> {
    const socket = new HttpSocket(this.#urls.http)
    const authorization = `Bearer ${others[CLIENTS + at]!.token}`
    const frame = httpRequest('GET /v1/friendships/me', { authorization })
    return { call: () => socket.send(frame), end: () => socket.end() }
  }

  /** Comes with a new socket each time. */
  async #newcomer(): Promise<{ call(): Promise<unknown>; end(): void }> {
    let socket: RpcSocket | null = null
    const end = (): void => socket?.end()
    return {
      end,
      call: async () => {
        end()
        socket = (await connect(this.#urls.rpc)).socket
      }
    }
  }
}

function inTime<Result>(work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Not in time')), PATIENCE_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
