const UTF8 = new TextDecoder()

/**
 * Reads JSON as it comes in at any edge: a byte order mark at its start is no part of it, and bytes that are no UTF-8 are read
 * as U+FFFD, as Node does it.
 * @throws SyntaxError
 */
export function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(UTF8.decode(bytes))
}
