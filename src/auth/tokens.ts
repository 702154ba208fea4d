import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** The SHA-256 of an access token: all that is stored of one of ours. */
export function hashOfToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** A new opaque access token of 256 random bits, and its hash. */
export function createToken(): { token: string; tokenHash: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, tokenHash: hashOfToken(token) }
}

/** Encrypts tokens that have to be stored, with a key that is not (AES-256-GCM, key by HKDF-SHA-256). */
export class TokenSeal {
  readonly #key: Buffer

  /**
   * @param secret high in entropy, as the configuration demands
   * @param purpose different for each use of the same secret
   */
  constructor(secret: string, purpose: string) {
    this.#key = Buffer.from(hkdfSync('sha256', secret, '', purpose, 32))
  }

  /** @param context what the token belongs to: the seal opens nowhere else */
  close(token: string, context: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(context)
    const encrypted = Buffer.concat([cipher.update(token, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), encrypted])
  }

  /** The token; null when it was sealed with another key or for another context, or is damaged. */
  open(sealed: Buffer, context: Buffer): string | null {
    const nonce = sealed.subarray(0, NONCE_BYTES)
    const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES)
    if (tag.length < TAG_BYTES) return null
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce).setAAD(context).setAuthTag(tag)
    try {
      const token = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES))
      return Buffer.concat([token, decipher.final()]).toString('utf8')
    } catch {
      return null
    }
  }
}
