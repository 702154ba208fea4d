import ipaddr from 'ipaddr.js'

type Ip = ipaddr.IPv4 | ipaddr.IPv6
type Range = readonly [network: Ip, bits: number]

/** Where a request comes from. */
export interface ClientAddress {
  /** One spelling for each address: IPv4 within IPv6 as IPv4, IPv6 compressed and in lower case, without port or zone. */
  readonly ip: string
  /** What limits of addresses count as one client: an IPv4 address, or the network that an IPv6 address is in. */
  readonly group: string
}

interface ClientAddressesOptions {
  /** Addresses and CIDR ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Bits of an IPv6 address that tell clients apart: a client with one address of such a network has all of it. */
  readonly ipv6Prefix: number
}

/** More hops than any request takes; the leftmost ones are what a client may have made up. */
const MAX_HOPS = 32
const IPV6_BITS = 128

/** A set of addresses, given as addresses and CIDR ranges. */
export class IpRanges {
  readonly #ranges: readonly Range[]

  constructor(texts: readonly string[]) {
    this.#ranges = texts.map(rangeOf)
  }

  /** @param address as proxies write one, or parsed */
  has(address: string | Ip): boolean {
    if (this.#ranges.length === 0) return false
    const ip = typeof address === 'string' ? parseIp(address) : address
    return (
      ip !== null && this.#ranges.some(([network, bits]) => network.kind() === ip.kind() && ip.match(network, bits))
    )
  }
}

/** Finds out where requests come from, behind any number of trusted proxies. */
export class ClientAddresses {
  readonly #trusted: IpRanges
  readonly #ipv6Prefix: number

  constructor({ trustedProxies, ipv6Prefix }: ClientAddressesOptions) {
    this.#trusted = new IpRanges(trustedProxies)
    this.#ipv6Prefix = ipv6Prefix
  }

  /**
   * @param peer the address that the connection came from
   * @param forwardedFor the header `X-Forwarded-For`, as it came
   */
  of(peer: string | undefined, forwardedFor: string | readonly string[] | undefined): ClientAddress {
    let client = parseIp(peer ?? '')
    if (client === null) return { ip: '', group: '' }
    for (const hop of this.#trusted.has(client) ? hopsOf(forwardedFor) : []) {
      const next = parseIp(hop)
      // What a trusted proxy could not name, it stands for itself.
      if (next === null) break
      client = next
      if (!this.#trusted.has(client)) break
    }
    return { ip: client.toString(), group: this.#groupOf(client) }
  }

  /** Whether a connection from there is that of a trusted proxy, and so not of one client. */
  isProxy(peer: string | undefined): boolean {
    return this.#trusted.has(peer ?? '')
  }

  #groupOf(ip: Ip): string {
    if (ip.kind() === 'ipv4' || this.#ipv6Prefix === IPV6_BITS) return ip.toString()
    const network = ipaddr.IPv6.networkAddressFromCIDR(`${ip}/${this.#ipv6Prefix}`)
    return `${network}/${this.#ipv6Prefix}`
  }
}

/**
 * An address as proxies write one: with a port, in brackets, with a zone, or IPv4 within IPv6.
 * @returns null for what is none, such as `unknown`
 */
export function parseIp(text: string): Ip | null {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]+)\](?::\d+)?|([^[\]]+))$/.exec(text.trim()) ?? []
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(plain) ? plain.slice(0, plain.indexOf(':')) : plain)
  const [address = ''] = bare.split('%', 1)
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return ipaddr.IPv4.parse(address)
  return ipaddr.IPv6.isValid(address) ? ipaddr.process(address) : null
}

/** From the nearest to the farthest. */
function hopsOf(header: string | readonly string[] | undefined): string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',')
  return text === '' ? [] : text.split(',').slice(-MAX_HOPS).reverse()
}

function rangeOf(text: string): Range {
  if (!text.includes('/')) {
    const ip = ipaddr.process(text)
    return [ip, ip.kind() === 'ipv4' ? 32 : IPV6_BITS]
  }
  return ipaddr.parseCIDR(text)
}
