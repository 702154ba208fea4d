/** The URL of a database names its hosts in a way that cannot be used; the message says which. */
export class HostsError extends Error {
  override readonly name = 'HostsError'

  constructor(reason: string) {
    super(`DATABASE_URL cannot be used: ${reason}`)
  }
}

/** What a server must be for a connection to it to be used, as libpq names it. */
const TARGETS = ['any', 'read-write', 'primary'] as const
type Target = (typeof TARGETS)[number]

const PARTS = /^(?<start>postgres(?:ql)?:\/\/(?:[^/?#]*@)?)(?<hosts>[^/?#]*)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?/i

/**
 * The hosts of a database, of which one takes writes: `postgres://user@one:5432,two:5433/name`, or `?host=one,two` with
 * `&port=`, and `target_session_attrs`, all as libpq has them. Connections are made to one host until that fails, and
 * then to the next.
 */
export class Hosts {
  readonly target: Target
  readonly #urls: readonly string[]
  #at = 0

  private constructor(urls: readonly string[], target: Target) {
    this.#urls = urls
    this.target = target
  }

  /** @throws HostsError */
  static of(url: string): Hosts {
    const { start, hosts, path = '', query } = PARTS.exec(url)?.groups ?? {}
    if (start === undefined || hosts === undefined) throw new HostsError('it is not the URL of a PostgreSQL server')
    const settings = new URLSearchParams(query)
    const isAlone = !hosts.includes(',') && !settings.get('host')?.includes(',')
    if (isAlone && !settings.has('target_session_attrs')) return new Hosts([url], 'any')
    const target = settings.get('target_session_attrs') ?? 'any'
    if (!isTarget(target)) {
      throw new HostsError(`target_session_attrs must be one of ${TARGETS.join(', ')}, but is ${target}`)
    }
    settings.delete('target_session_attrs')
    const urls = placesOf(hosts, settings).map(({ authority, extra }) => {
      const all = new URLSearchParams([...settings, ...Object.entries(extra)]).toString()
      return `${start}${authority}${path}${all && `?${all}`}`
    })
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

interface Place {
  readonly authority: string
  /** Settings of this one alone. */
  readonly extra: Readonly<Record<string, string>>
}

/** Takes hosts and ports out of the settings, where there are several. */
function placesOf(hosts: string, settings: URLSearchParams): Place[] {
  const named = settings.get('host')?.split(',') ?? []
  if (named.length < 2) return hosts.split(',').map(authority => ({ authority, extra: {} }))
  const ports = settings.get('port')?.split(',') ?? []
  if (ports.length > 1 && ports.length !== named.length) {
    throw new HostsError(`it has ${named.length} hosts and ${ports.length} ports`)
  }
  settings.delete('host')
  settings.delete('port')
  return named.map((host, at) => {
    const port = ports.length === 1 ? ports[0] : ports[at]
    return { authority: hosts, extra: { host, ...(port && { port }) } }
  })
}

function isTarget(text: string): text is Target {
  return (TARGETS as readonly string[]).includes(text)
}
