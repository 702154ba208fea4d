/** Where a request of the Matrix API goes: the parts of its path, decoded, without `/_matrix` and the prefix. */
export interface MatrixPath {
  /** One of {@link PREFIXES}, and what an unencoded path would begin with. */
  readonly prefix: string
  /** Any text but what could be mistaken for structure; the last one may be empty. */
  readonly parts: readonly string[]
}

/** The prefixes that homeservers serve one and the same API under. */
export const CLIENT_PREFIXES = ['client/r0', 'client/v3', 'client/v1', 'client/unstable', 'client/api/v1'] as const
export const MEDIA_PREFIXES = ['media/r0', 'media/v3', 'media/v1'] as const
/** Of what has no version. */
const BARE_PREFIX = 'client'

const PREFIXES = [...CLIENT_PREFIXES, ...MEDIA_PREFIXES, BARE_PREFIX].map(prefix => prefix.split('/'))

/** More parts than any path has. */
const MAX_PARTS = 12

// A server on the way may decode a path once more, take a backslash for a slash or cut at a NUL: nothing of what we
// let through may mean something else to it.
const AMBIGUOUS = /[/\\\p{Cc}]|^\.{1,2}$|%2f|%5c|%2e|%00/iu

/**
 * Reads the path of a request, each part decoded exactly once.
 * @param url as it came, with or without a query
 * @returns null for what is no such path, or can be read in more than one way
 */
export function parsePath(url: string): MatrixPath | null {
  const [path = ''] = url.split('?', 1)
  const [root, api, ...parts] = path.split('/', MAX_PARTS + 1).map(decodePart)
  if (root !== '' || api !== '_matrix' || parts.length >= MAX_PARTS - 1) return null
  const prefix = PREFIXES.find(names => names.every((name, index) => parts[index] === name))
  if (!prefix) return null
  const rest = parts.slice(prefix.length)
  return rest.every((part, index) => part !== null && (part !== '' || index === rest.length - 1))
    ? { prefix: prefix.join('/'), parts: rest as string[] }
    : null
}

/** The path of the request to the homeserver: nothing of what came in is copied. */
export function formatPath({ prefix, parts }: MatrixPath): string {
  return `/_matrix/${[prefix, ...parts.map(encodeURIComponent)].join('/')}`
}

function decodePart(text: string): string | null {
  try {
    const part = decodeURIComponent(text)
    return AMBIGUOUS.test(part) ? null : part
  } catch {
    return null
  }
}
