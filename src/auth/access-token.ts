import { createHash, randomBytes } from 'node:crypto'

/** What an access token is known by: only this is ever stored. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** A new opaque access token of 256 random bits, and its hash. */
export function createToken(): { token: string; tokenHash: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, tokenHash: hashOfToken(token) }
}
