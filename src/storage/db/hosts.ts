/** A URL names its hosts in a way that cannot be used; the message says which, and in what way. */
export class HostsError extends Error {
  override readonly name = 'HostsError'

  constructor(setting: Setting, reason: string) {
    super(`${setting} cannot be used: ${reason}`)
  }
}

/** What a server must be for a connection to it to be used, as libpq names it; of several, one is used, or each by itself. */
const TARGETS = { DATABASE_URL: ['any', 'read-write', 'primary'], DATABASE_REPLICA_URL: ['any', 'standby'] } as const
type Setting = keyof typeof TARGETS
type Target<S extends Setting> = (typeof TARGETS)[S][number]

const PARTS = /^(?<start>postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?<hosts>[^/?#]*)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?/i

/**
 * The hosts of a database, of which one takes writes: `postgres://user@one:5432,two:5433/name`, or `?host=one,two` with
 * `&port=`, and `target_session_attrs`, all as libpq has them. Connections are made to one host until that fails, and
 * then to the next.
 */
export class Hosts {
  readonly target: Target<'DATABASE_URL'>
  readonly #urls: readonly string[]
  #at = 0

  private constructor(urls: readonly string[], target: Target<'DATABASE_URL'>) {
    this.#urls = urls
    this.target = target
  }

  /** @throws HostsError */
  static of(url: string): Hosts {
    const { urls, target } = hostsIn(url, 'DATABASE_URL')
    return new Hosts(urls, target)
  }

  get count(): number {
    return this.#urls.length
  }

  /** The URL of the host to which connections are made now. */
  get current(): string {
    return this.#urls[this.#at] ?? ''
  }

  /** A connection to a host could not be used: the next one is made to another host. */
  failed(url: string): void {
    if (url === this.current) this.#at = (this.#at + 1) % this.#urls.length
  }
}

/** A host by itself: a read replica is used, or not, whatever the others are. */
export interface SingleHost {
  readonly url: string
  /** For people: `host:port`, or less where the URL says less. */
  readonly name: string
}

/** @throws HostsError */
export function replicasOf(url: string): SingleHost[] {
  return hostsIn(url, 'DATABASE_REPLICA_URL').urls.map(one => ({ url: one, name: nameOf(one) }))
}

function hostsIn<S extends Setting>(url: string, setting: S): { urls: readonly string[]; target: Target<S> } {
  const { start, hosts, path = '', query } = PARTS.exec(url)?.groups ?? {}
  if (start === undefined || hosts === undefined) {
    throw new HostsError(setting, 'it is not the URL of a PostgreSQL server')
  }
  const settings = new URLSearchParams(query)
  const isAlone = !hosts.includes(',') && !settings.get('host')?.includes(',')
  if (isAlone && !settings.has('target_session_attrs')) return { urls: [url], target: 'any' }
  const allowed: readonly Target<S>[] = TARGETS[setting]
  const text = settings.get('target_session_attrs') ?? 'any'
  const target = allowed.find(each => each === text)
  if (target === undefined) {
    throw new HostsError(setting, `target_session_attrs must be one of ${allowed.join(', ')}, but is ${text}`)
  }
  settings.delete('target_session_attrs')
  const places = placesOf(hosts, settings, setting)
  const urls = places.map(({ authority, extra }) => {
    const all = new URLSearchParams([...settings, ...Object.entries(extra)]).toString()
    return `${start}${authority}${path}${all && `?${all}`}`
  })
  return { urls, target }
}

function nameOf(url: string): string {
  const { hosts = '', query } = PARTS.exec(url)?.groups ?? {}
  const settings = new URLSearchParams(query)
  const port = settings.get('port')
  return hosts || `${settings.get('host') ?? 'localhost'}${port ? `:${port}` : ''}`
}

interface Place {
  readonly authority: string
  /** Settings of this one alone. */
  readonly extra: Readonly<Record<string, string>>
}

/** Takes hosts and ports out of the settings, where there are several. */
function placesOf(hosts: string, settings: URLSearchParams, setting: Setting): Place[] {
  const named = settings.get('host')?.split(',') ?? []
  if (named.length < 2) return hosts.split(',').map(authority => ({ authority, extra: {} }))
  const ports = settings.get('port')?.split(',') ?? []
  if (ports.length > 1 && ports.length !== named.length) {
    throw new HostsError(setting, `it has ${named.length} hosts and ${ports.length} ports`)
  }
  settings.delete('host')
  settings.delete('port')
  return named.map((host, at) => {
    const port = ports.length === 1 ? ports[0] : ports[at]
    return { authority: hosts, extra: { host, ...(port && { port }) } }
  })
}
