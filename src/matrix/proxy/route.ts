import { CLIENT_PREFIXES, type MatrixPath } from './path.ts'

/** What a part of a path can be. */
const PARAMS = {
  roomId: /^![\w.~=+:[\]-]{1,254}$/,
  roomIdOrAlias: /^[!#][^\s]{1,254}$/,
  alias: /^#[^\s]{1,254}$/,
  userId: /^@[\w.=+-]+:[\w.:[\]-]+$/,
  eventId: /^\$[\w~=+:.-]{1,254}$/,
  eventType: /^[A-Za-z][\w.-]{0,254}$/,
  stateKey: /^[^\s]{0,255}$/,
  receiptType: /^m\.[\w.]{1,50}$/,
  relationType: /^[a-z][\w.-]{0,100}$/,
  txnId: /^.{1,255}$/,
  dataType: /^.{1,255}$/,
  filterId: /^[\w-]{1,64}$/,
  serverName: /^[\w.:[\]-]{1,255}$/,
  mediaId: /^[\w-]{1,255}$/,
  fileName: /^.{1,255}$/
} as const satisfies Record<string, RegExp>

export type ParamName = keyof typeof PARAMS
export type Params = Readonly<Partial<Record<ParamName, string>>>

/** What is done about a request besides forwarding it; see src/matrix/proxy/rules. */
export type RuleName =
  | 'createRoom'
  | 'createAlias'
  | 'join'
  | 'invite'
  | 'leave'
  | 'typing'
  | 'receipt'
  | 'readMarkers'
  | 'message'
  | 'state'
  | 'upgrade'
  | 'knock'
  | 'setPresence'
  | 'seePresence'
  | 'sync'
  | 'readEvents'
  | 'readEvent'
  | 'media'
  | 'login'
  | 'logout'
  | 'logoutAll'

type Method = 'GET' | 'POST' | 'PUT'

export interface Route {
  readonly method: Method
  readonly prefixes: readonly string[]
  readonly segments: readonly (string | { readonly param: ParamName })[]
  readonly rule: RuleName | null
  /** Why it needs no rule; null where it has one. A route with neither fails a test. */
  readonly reason: string | null
  /** `anyone` needs no token; `user` does. */
  readonly access: 'user' | 'anyone'
  /**
   * What is done with the body: nothing, forwarded as it comes up to the limit of JSON or of media, or read, because a
   * rule has to know it.
   */
  readonly body: 'none' | 'json' | 'media' | 'read'
  /** What comes back, and for how long that may take. */
  readonly answer: 'json' | 'poll' | 'media'
  /** Parameters of the query that are forwarded. */
  readonly query: readonly string[]
}

export type RouteOptions = Partial<Pick<Route, 'rule' | 'reason' | 'access' | 'body' | 'answer' | 'query' | 'prefixes'>>

/** @param pattern the path behind the prefix, with `{name}` for a parameter */
export function route(method: Method, pattern: string, options: RouteOptions = {}): Route {
  const segments = pattern.split('/').map(text => {
    const [, param] = /^\{(\w+)\}$/.exec(text) ?? []
    return param === undefined ? text : { param: param as ParamName }
  })
  const body = method === 'GET' ? 'none' : 'json'
  const common = { prefixes: CLIENT_PREFIXES, access: 'user', body, answer: 'json', query: [] } as const
  return { method, segments, rule: null, reason: null, ...common, ...options }
}

export interface Match {
  readonly route: Route
  readonly params: Params
}

/** The route that a request takes, or null. */
export function matchRoute(routes: readonly Route[], method: string, { prefix, parts }: MatrixPath): Match | null {
  for (const route of routes) {
    if (route.method !== method || !route.prefixes.includes(prefix)) continue
    const params = paramsOf(route, parts)
    if (params) return { route, params }
  }
  return null
}

function paramsOf({ segments }: Route, parts: readonly string[]): Params | null {
  if (segments.length !== parts.length) return null
  const params: Partial<Record<ParamName, string>> = {}
  for (const [index, segment] of segments.entries()) {
    const part = parts[index] ?? ''
    if (typeof segment === 'string') {
      if (segment !== part) return null
    } else {
      if (!PARAMS[segment.param].test(part)) return null
      params[segment.param] = part
    }
  }
  return params
}

/** Whether a logout lets such a request finish first: not a long poll, which ends with its session, and no other logout. */
export function isAwaitedByLogout({ answer, rule }: Route): boolean {
  return answer !== 'poll' && rule !== 'logout' && rule !== 'logoutAll'
}

/** The parameters of the query of a request that are forwarded. */
export function forwardedQuery(url: string, route: Route): URLSearchParams {
  const given = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length))
  const query = new URLSearchParams()
  for (const name of route.query) {
    const value = given.get(name)
    if (value !== null) query.set(name, value)
  }
  return query
}
