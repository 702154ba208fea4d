import type { Address } from '../../domain/address.ts'
import type { Subscriber } from '../../subscriptions/subscription.ts'
import type { Boundary } from '../boundary.ts'
import { acknowledgedOf, type Call } from '../engine/service.ts'

/** Who is at the other end of a v2 socket, by its handshake. */
export interface V2Context {
  readonly address: Address
  /** Whose key signed it: the device's own. */
  readonly signer: Address
}

export type V2Boundary = Boundary<V2Context>

export function caller(call: Call<V2Context>): Address {
  return call.connection.context.address
}

/** Who subscribes by a call. A v2 stream lives by its socket alone. */
export function subscriberOf(call: Call<V2Context>): Subscriber {
  return { address: caller(call), tokenHash: null, signal: call.signal, acknowledged: acknowledgedOf(call) }
}
