import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyServerOptions } from 'fastify'
import type { Admission } from '../admission/admission.ts'

export interface ConnectionLimits {
  /** Requests of one connection that wait for their answers. */
  readonly requests: number
  /** Longest time from when an answer is written until the client has taken it, in milliseconds. */
  readonly takeMs: number
}

/** How often it is looked whether answers were taken, in milliseconds. */
const CHECK_MS = 1_000

/** Of one connection. */
interface Connection {
  /** What limits of addresses count as its client; null for that of a proxy. */
  readonly group: string | null
  /** Answers under way, and by when each was found to be written in full and not taken; 0 while it is not. */
  readonly answers: Map<ServerResponse, number>
  isCut: boolean
  /** A request of it was answered. */
  isServed: boolean
}

/**
 * What the connections of the HTTP port may have under way. Node reads requests ahead and hands each of them on at
 * once, however many came in one packet, and waits for ever for a client that takes no answer.
 */
export class HttpConnections {
  readonly #admission: Admission
  readonly #limits: ConnectionLimits
  readonly #connections = new Map<Socket, Connection>()

  constructor(admission: Admission, limits: ConnectionLimits) {
    this.#admission = admission
    this.#limits = limits
  }

  /** A server whose requests come to `handle`; with the options that Fastify would give to its own. */
  serve(handle: RequestListener, options: FastifyServerOptions & { readonly http?: object }): Server {
    const server = createServer(options.http ?? {}, (request, response) => {
      if (this.#begin(request, response)) handle(request, response)
    })
    server.keepAliveTimeout = options.keepAliveTimeout ?? server.keepAliveTimeout
    server.requestTimeout = options.requestTimeout ?? server.requestTimeout
    server.setTimeout(options.connectionTimeout)
    server.on('connection', (socket: Socket) => this.#accept(socket))
    server.once('listening', () => {
      const check = setInterval(() => this.#cutUntaken(), Math.min(CHECK_MS, this.#limits.takeMs))
      server.once('close', () => clearInterval(check))
    })
    return server
  }

  #accept(socket: Socket): void {
    const { addresses, httpConnections, frames, onRefused } = this.#admission
    const { remoteAddress: peer } = socket
    const group = addresses.isProxy(peer) ? null : addresses.of(peer, undefined).group
    if (group !== null && !frames.isLevel(group)) {
      onRefused('frames')
      socket.resetAndDestroy()
      return
    }
    if (!httpConnections.accept(socket)) return
    const connection: Connection = { group, answers: new Map(), isCut: false, isServed: false }
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      this.#connections.delete(socket)
      // Node tells this to the answer alone that has its turn: the ones behind it would be under way for ever.
      for (const response of connection.answers.keys()) {
        if (response.socket === null) response.destroy().emit('close')
      }
    })
  }

  /** @returns whether the request is to be answered */
  #begin({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const connection = this.#connections.get(socket)
    if (!connection) return false
    const { answers } = connection
    if (connection.isCut || answers.size >= this.#limits.requests) {
      this.#cut(socket, connection)
      return false
    }
    answers.set(response, 0)
    response.once('close', () => {
      answers.delete(response)
      connection.isServed ||= response.writableFinished
    })
    return true
  }

  /** Also for each request that had come already: to read these is what costs, so the address pays for them. */
  #cut(socket: Socket, connection: Connection): void {
    const { frames, onRefused } = this.#admission
    if (!connection.isCut) onRefused('frames')
    connection.isCut = true
    socket.destroy()
    if (connection.group === null) return
    const wasLevel = frames.isLevel(connection.group)
    if (frames.spend(connection.group) > 0 && wasLevel) this.#cutNew(connection.group)
  }

  /** Those that would not be let in any more: each may have as many requests in its first packet. */
  #cutNew(group: string): void {
    for (const [socket, connection] of this.#connections) {
      if (connection.group === group && !connection.isServed) socket.destroy()
    }
  }

  #cutUntaken(): void {
    const now = performance.now()
    for (const [socket, { answers }] of this.#connections) {
      for (const [response, since] of answers) {
        if (!response.writableEnded) continue
        if (since === 0) answers.set(response, now)
        else if (now - since >= this.#limits.takeMs) {
          this.#admission.onRefused('answers')
          socket.destroy()
          break
        }
      }
    }
  }
}
