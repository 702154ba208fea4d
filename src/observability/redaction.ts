/** What stands where a secret was. */
const HIDDEN = '***'

/** Names of fields and of query parameters whose values are secrets. */
const SECRET_NAME = /(?:token|password|secret|signature|authorization|auth_?chain|cookie)$|^x-identity-/i

/** Within any text: bearer tokens, API keys, who a URL logs in as, parameters and JSON fields with a secret, signatures. */
const SECRET_TEXT = new RegExp(
  [
    /(\bbearer +)[^\s"\\]{8,}/,
    /(:\/\/)[^\s"\\/]+(?=@)/,
    /((?:token|password|secret|signature)(?:=|\\*": ?\\*"))[^\s"\\&#]+/,
    /(\bdcl_social_[\da-f]{12}_)[\w-]{16,}/,
    /(\bwhsec_)[\w+/=-]{16,}/,
    /0x[\da-f]{130,}/
  ]
    .map(pattern => pattern.source)
    .join('|'),
  'gi'
)

// Beyond these nothing of a field is written, so that nothing is written that was not looked at.
const MAX_DEPTH = 5
const MAX_ENTRIES = 100

/** A URL or a path without the secrets in its query, however that is encoded. */
export function safeUrl(url: string): string {
  const [path = ''] = url.split('?', 1)
  const parameters = new URLSearchParams(url.slice(path.length + 1))
  const secrets = [...parameters.keys()].filter(name => SECRET_NAME.test(name))
  if (secrets.length === 0) return withoutSecrets(url)
  for (const name of secrets) parameters.set(name, HIDDEN)
  return withoutSecrets(`${path}?${parameters}`)
}

/** A text without the secrets that their surroundings give away. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRET_TEXT, `$1$2$3$4$5${HIDDEN}`)
}

/** A copy of the fields of a log line without the secrets that their names give away. */
export function safeFields(fields: object): Record<string, unknown> {
  return safeObject(fields, MAX_DEPTH)
}

function safeObject(value: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MAX_ENTRIES)
  return Object.fromEntries(entries.map(([name, part]) => [name, safeField(name, part, depth)]))
}

function safeField(name: string, value: unknown, depth: number): unknown {
  if (SECRET_NAME.test(name)) return HIDDEN
  if (typeof value === 'string' && /url$/i.test(name)) return safeUrl(value)
  return safeValue(value, depth - 1)
}

function safeValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return safeError(value)
  if (value instanceof Date) return value.toJSON()
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`
  if (depth <= 0) return '…'
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map(item => safeValue(item, depth - 1))
  return safeObject(value, depth)
}

/** The other fields of an error can hold data: those of a database error name the values of the row. */
function safeError(error: Error): Record<string, unknown> {
  const { name, message, stack } = error
  return { name, ...('code' in error && { code: error.code }), message, stack }
}
