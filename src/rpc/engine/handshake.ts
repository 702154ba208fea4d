import { type ErrorCode, publicError, SocialError } from '../../domain/errors.ts'

/** The signed-fetch headers with which a v2 client opens its socket, as they came: nothing about them is known yet. */
export type HandshakeHeaders = Readonly<Record<string, unknown>>

const OPENING_BRACE = 0x7b

/** Whether a client's first message opens a v2 session. A frame of the RPC protocol never starts so. */
export function isHandshake(message: Uint8Array): boolean {
  return message[0] === OPENING_BRACE
}

/**
 * @param message bounded by the largest frame
 * @throws SocialError `invalid_request`
 */
export function parseHandshake(message: Uint8Array): HandshakeHeaders {
  try {
    // It starts with a brace, so what can be parsed is an object.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(message)) as HandshakeHeaders
  } catch {
    throw new SocialError('invalid_request', 'The handshake is not a JSON object')
  }
}

/** How a socket is closed whose handshake came to this. */
export function refusalOf(error: unknown): { readonly code: number; readonly reason: string } {
  return REFUSAL[publicError(error).code]
}

const REFUSED = { code: 3003, reason: 'The handshake was refused' }
const COME_BACK_LATER = { code: 1013, reason: 'The handshake cannot be verified now' }
const FAILED = { code: 1011, reason: 'Internal error' }

const REFUSAL: Record<ErrorCode, { readonly code: number; readonly reason: string }> = {
  invalid_request: REFUSED,
  invalid_transition: REFUSED,
  unauthorized: REFUSED,
  forbidden: REFUSED,
  not_found: REFUSED,
  conflict: COME_BACK_LATER,
  too_many_requests: COME_BACK_LATER,
  unavailable: COME_BACK_LATER,
  internal: FAILED
}
