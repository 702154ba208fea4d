import { type ErrorCode, SocialError } from '../domain/errors.ts'
import { ClientAddresses } from '../lib/client-address.ts'
import { ConcurrencyLimit, type ConcurrencyLimitOptions } from '../lib/concurrency-limit.ts'
import { RateBudget } from '../lib/rate-budget.ts'
import { PortConnections } from './port-connections.ts'

/** What is budgeted, as the metrics name it. */
export const BUDGETS = ['http-connections', 'rpc-connections', 'frames', 'bytes', 'answers', 'failed-logins'] as const
export type Budget = (typeof BUDGETS)[number]

export interface AdmissionOptions {
  /** Addresses and CIDR ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Bits of an IPv6 address that tell clients apart. */
  readonly ipv6Prefix: number
  readonly failedLoginsPerMinute: number
  /** Before a client has shown who it is. */
  readonly framesPerSecond: number
  /** Before a client has shown who it is. */
  readonly bytesPerSecond: number
  /** TCP connections of each port. */
  readonly httpConnections: ConcurrencyLimitOptions
  readonly rpcConnections: ConcurrencyLimitOptions
  /** Bytes of answers that are under way. */
  readonly answerBytes: ConcurrencyLimitOptions
}

/** Addresses of which a budget remembers what they spent; of more, those that spent longest ago begin anew. */
const MAX_ADDRESSES = 50_000
/** What an address may spend at once after a pause: as much as in so many seconds. */
const BURST_SECONDS = 5

/** What it comes to when somebody could not show who they are, and could never have. */
const NOBODY = new Set<ErrorCode>(['unauthorized', 'forbidden', 'invalid_request'])

/**
 * Every budget of addresses, on both ports, from the first byte on: what a client may take before it has shown who it
 * is. The key of each is the `group` of the client's address. The edge that refuses because of one says so to `onRefused`.
 */
export class Admission {
  readonly addresses: ClientAddresses
  readonly httpConnections: PortConnections
  readonly rpcConnections: PortConnections
  /** Logins, tokens and handshakes that were not valid: while it is overdrawn, those that cost anything are refused. */
  readonly failedLogins: RateBudget
  readonly frames: RateBudget
  readonly bytes: RateBudget
  /** Bytes of answers from when they are made until the client has taken them. */
  readonly answers: ConcurrencyLimit
  readonly onRefused: (budget: Budget) => void

  constructor(options: AdmissionOptions, onRefused: (budget: Budget) => void) {
    const { trustedProxies, ipv6Prefix, failedLoginsPerMinute } = options
    const addresses = new ClientAddresses({ trustedProxies, ipv6Prefix })
    const connections = (budget: Budget, limits: ConcurrencyLimitOptions): PortConnections =>
      new PortConnections({ addresses, onRefused: () => onRefused(budget) }, limits)
    this.addresses = addresses
    this.httpConnections = connections('http-connections', options.httpConnections)
    this.rpcConnections = connections('rpc-connections', options.rpcConnections)
    this.failedLogins = new RateBudget({
      burst: failedLoginsPerMinute,
      perSecond: failedLoginsPerMinute / 60,
      maxKeys: MAX_ADDRESSES
    })
    this.frames = perSecond(options.framesPerSecond)
    this.bytes = perSecond(options.bytesPerSecond)
    this.answers = new ConcurrencyLimit(options.answerBytes)
    this.onRefused = onRefused
  }

  /**
   * Finds out who somebody is; that it was nobody is counted for their address.
   * @throws SocialError `too_many_requests` while that has failed too often; what `verify` throws
   */
  async authenticate<Identity>(addressGroup: string, verify: () => Promise<Identity>): Promise<Identity> {
    if (!this.failedLogins.isLevel(addressGroup)) {
      this.onRefused('failed-logins')
      throw new SocialError('too_many_requests', 'Too many failed logins, try again in a minute', 60_000)
    }
    try {
      return await verify()
    } catch (error) {
      this.countFailure(addressGroup, error)
      throw error
    }
  }

  /** Counts the failed login that this error is, if it is one. */
  countFailure(addressGroup: string, error: unknown): void {
    if (error instanceof SocialError && NOBODY.has(error.code)) this.failedLogins.spend(addressGroup)
  }
}

function perSecond(amount: number): RateBudget {
  return new RateBudget({ burst: BURST_SECONDS * amount, perSecond: amount, maxKeys: MAX_ADDRESSES })
}
