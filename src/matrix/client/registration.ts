export interface RegistrationOptions {
  readonly serverName: string
  /** What this service shows to the homeserver. */
  readonly asToken: string
  /** What the homeserver would show to this service. */
  readonly hsToken: string
}

/** The localpart of the user that the homeserver creates for this service itself. */
export const SENDER = 'social-service'

const USER = '@0x[0-9a-f]{40}'
const PAIR_ALIAS = '#0x[0-9a-f]{40}\\+0x[0-9a-f]{40}'

/**
 * The file that registers this service with a homeserver, as YAML (Application Service API, "Registration").
 * - The users are not exclusive: the homeserver leaves exclusive ones out of its user directory.
 * - The aliases are, so that nobody else can take the one of a pair.
 */
export function registrationYaml({ serverName, asToken, hsToken }: RegistrationOptions): string {
  // Without the `$` the homeserver would also match ids that only begin like these.
  const ofServer = (localpart: string): string => quote(`${localpart}:${escapeRegex(serverName)}$`)
  return `id: ${SENDER}
# The homeserver sends nothing to this service. It refuses a file without this line.
url: null
as_token: ${quote(asToken)}
hs_token: ${quote(hsToken)}
sender_localpart: ${SENDER}
rate_limited: false
namespaces:
  users:
    - exclusive: false
      regex: ${ofServer(USER)}
  aliases:
    - exclusive: true
      regex: ${ofServer(PAIR_ALIAS)}
  rooms: []
`
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** A single-quoted scalar, in which nothing but the quote has a meaning. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
