import { type ErrorCode, SocialError } from '../../domain/errors.ts'
import { parseJson } from '../../lib/json.ts'
import { CLOSE, type CloseReason } from './close-codes.ts'

/** The signed-fetch headers with which a v2 client opens its socket, as they came: nothing about them is known yet. */
export type HandshakeHeaders = Readonly<Record<string, unknown>>

const OPENING_BRACE = 0x7b
/** Space, tab and line feed. Not the fourth blank of JSON: a carriage return is the first byte of most RPC frames. */
const BLANKS: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a])

/**
 * Whether a client's first message opens a v2 session, which may have a byte order mark and blanks before its brace. A frame of
 * the RPC protocol never starts so.
 */
export function isHandshake(message: Uint8Array): boolean {
  const hasMark = message[0] === 0xef && message[1] === 0xbb && message[2] === 0xbf
  let at = hasMark ? 3 : 0
  while (BLANKS.has(message[at])) at++
  return message[at] === OPENING_BRACE
}

/**
 * @param message bounded by the largest frame
 * @throws SocialError `invalid_request`
 */
export function parseHandshake(message: Uint8Array): HandshakeHeaders {
  try {
    // It starts with a brace, so what can be parsed is an object.
    return parseJson(message) as HandshakeHeaders
  } catch {
    throw new SocialError('invalid_request', 'The handshake is not a JSON object')
  }
}

/** Bytes that fit into a WebSocket close frame beside the code. */
const MAX_REASON_BYTES = 123

/** How a socket is closed whose handshake was refused with this: its public text follows the reason, when it fits. */
export function closeReasonOf({ code, message }: SocialError): CloseReason {
  const reason = REASON[code]
  const text = `${reason.reason}: ${message}`
  return reason === CLOSE.failed || Buffer.byteLength(text) > MAX_REASON_BYTES ? reason : { ...reason, reason: text }
}

const REASON: Record<ErrorCode, CloseReason> = {
  invalid_request: CLOSE.refused,
  invalid_transition: CLOSE.refused,
  unauthorized: CLOSE.refused,
  forbidden: CLOSE.refused,
  not_found: CLOSE.refused,
  conflict: CLOSE.notVerified,
  too_many_requests: CLOSE.notVerified,
  unavailable: CLOSE.notVerified,
  internal: CLOSE.failed
}
