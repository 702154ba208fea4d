import type { Socket } from 'node:net'
import type { ClientAddresses } from '../lib/client-address.ts'
import { ConcurrencyLimit, type ConcurrencyLimitOptions } from '../lib/concurrency-limit.ts'

interface PortConnectionsDeps {
  readonly addresses: ClientAddresses
  readonly onRefused: () => void
}

/** The part of a connection that counts: when it is gone. */
type Connection = Pick<Socket, 'on'>

/**
 * The TCP connections of one port, counted from when they come until they are gone, whatever was said to the client
 * meanwhile. Those of a trusted proxy are nobody's until it says for whom they are.
 */
export class PortConnections {
  readonly #deps: PortConnectionsDeps
  readonly #limit: ConcurrencyLimit

  constructor(deps: PortConnectionsDeps, limits: ConcurrencyLimitOptions) {
    this.#deps = deps
    this.#limit = new ConcurrencyLimit(limits)
  }

  /** For `server.on('connection')`: counts a connection, or cuts it. @returns whether it was let in */
  accept(socket: Socket): boolean {
    const { addresses } = this.#deps
    const { remoteAddress: peer } = socket
    if (addresses.isProxy(peer) || this.#count(addresses.of(peer, undefined).group, socket)) return true
    socket.resetAndDestroy()
    return false
  }

  /**
   * Counts the connection of a trusted proxy that serves one client alone, such as a WebSocket. Of anybody else it is
   * counted already.
   * @returns whether the client is within its budget
   */
  acceptForwarded(socket: Socket, group: string): boolean {
    return !this.#deps.addresses.isProxy(socket.remoteAddress) || this.#count(group, socket)
  }

  #count(group: string, socket: Connection): boolean {
    const place = this.#limit.acquire(group)
    if ('reached' in place) {
      this.#deps.onRefused()
      return false
    }
    // Twice as light as `once`.
    socket.on('close', () => place.release())
    return true
  }
}
