const PARTS = /^([^/]*\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/s

/** A URL of several hosts (`redis://user@one:1,two:2/…`) with each of its hosts alone, in their order. */
export function urlOfEachHost(text: string): string[] {
  const [, start = '', hosts = '', rest = ''] = PARTS.exec(text) ?? []
  // A unix socket has no host: `postgres://user@/name?host=/folder`.
  return hosts.split(',').map(host => start + (host || 'localhost') + rest)
}
