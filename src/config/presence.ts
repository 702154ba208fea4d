import { z } from 'zod'
import type { Definitions } from './definition.ts'
import { choice, duration, type Kind } from './kinds.ts'

/** Where NATS is, and how to log in there: with user and password, with a token, or with nothing. */
export interface NatsServers {
  /** `host` or `host:port`, each of them the same system. */
  readonly servers: readonly string[]
  /** Whether nothing may be sent without encryption; a server that wants it gets it in any case. */
  readonly isTls: boolean
  readonly user: string | null
  readonly password: string | null
  readonly token: string | null
}

/** `nats://user:password@one:4222,two:4222`: the scheme and who logs in may stand before each, and must be the same. */
const natsUrl: Kind<NatsServers> = {
  schema: z.string().transform((text, context) => {
    const servers = parseServers(text)
    if (servers) return servers
    context.addIssue('not a list of servers')
    return z.NEVER
  }),
  allowed: 'a URL that starts with nats:// or tls://, or several with the same user, parted by commas'
}

/** What makes a user online. */
export const PRESENCE = {
  PRESENCE_SOURCE: {
    kind: choice('sockets', 'nats', 'both'),
    default: 'sockets',
    about:
      'What makes a user online: a socket to this service, being in the world as its peers say over NATS, or either.'
  },
  NATS_URL: {
    kind: natsUrl,
    secret: true,
    about: 'NATS, over which the peers of the world say who is there; needed unless `PRESENCE_SOURCE` is `sockets`.'
  },
  PRESENCE_HEARTBEAT_TIMEOUT: {
    kind: duration('100ms', '1h'),
    default: '60s',
    about: 'Time after which a user in the world is gone without another heartbeat. The peers themselves take 60 s.'
  },
  PRESENCE_WORLD_TIMEOUT: {
    kind: duration('1s', '30d'),
    default: '12h',
    about:
      'Time for which a user who joined a world of their own (`….dcl.eth`) is there at most, should their leave be lost: there are no heartbeats.'
  }
} satisfies Definitions

/** Null when the text is no such list. */
function parseServers(text: string): NatsServers | null {
  const urls = text.split(',').flatMap(part => {
    const server = part.trim()
    return server === '' ? [] : [server.includes('://') ? server : `nats://${server}`]
  })
  const parsed = urls.map(parseServer)
  const [first] = parsed
  if (!first || parsed.some(it => it === null)) return null
  const all = parsed.flatMap(it => it ?? [])
  const login = all.find(it => it.userinfo !== '')?.userinfo ?? ''
  if (all.some(it => it.userinfo !== '' && it.userinfo !== login)) return null
  return { servers: all.map(({ host }) => host), isTls: all.some(it => it.isTls), ...loginOf(login) }
}

function parseServer(text: string): { host: string; isTls: boolean; userinfo: string } | null {
  if (!/^(?:nats|tls):\/\/[^/?#]+\/?$/i.test(text) || !URL.canParse(text)) return null
  const { protocol, host, username, password } = new URL(text)
  if (host === '') return null
  return { host, isTls: protocol === 'tls:', userinfo: password === '' ? username : `${username}:${password}` }
}

/** One word before the `@` is a token, as everywhere with NATS. */
function loginOf(userinfo: string): Pick<NatsServers, 'user' | 'password' | 'token'> {
  const [name = '', password] = userinfo.split(':').map(unescaped)
  if (name === '') return { user: null, password: null, token: null }
  if (password === undefined) return { user: null, password: null, token: name }
  return { user: name, password, token: null }
}

/** What is percent-encoded as it was meant; what only looks so as it is. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
