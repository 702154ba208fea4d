import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ClientAddress, ClientAddresses } from '../lib/client-address.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Where it comes from. Not Fastify's `ip`, which has the spelling, the port and the zone that a proxy wrote. */
    readonly client: ClientAddress
  }
}

/** Lets every request say where it comes from. */
export function decorateClient(app: FastifyInstance, addresses: ClientAddresses): void {
  // A connection that is no proxy's is that of one client; one that is has requests of many.
  const known = new WeakMap<Socket | IncomingMessage, ClientAddress>()
  app.decorateRequest('client', {
    getter(this: FastifyRequest): ClientAddress {
      const { raw } = this
      const { remoteAddress: peer } = raw.socket
      const key = addresses.isProxy(peer) ? raw : raw.socket
      const client = known.get(key) ?? addresses.of(peer, raw.headers['x-forwarded-for'])
      known.set(key, client)
      return client
    }
  })
}
