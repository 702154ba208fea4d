/** What a service may ask, by the scopes of its API key. */
export const SCOPES = ['settings:read', 'relations:read', 'friends:read'] as const
export type Scope = (typeof SCOPES)[number]

/** An API key as everybody may know it who operates the service: without its secret. */
export interface ApiKey {
  /** Part of the key, and no secret. */
  readonly id: string
  /** What an operator calls it. */
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Unix milliseconds. */
  readonly createdAt: number
  /** Unix milliseconds, a minute late at most; null when it was never used. */
  readonly lastUsedAt: number | null
}

const KEY = /^dcl_social_([\da-f]{12})_[\w-]{43}$/

/** The text of a key. Its beginning lets people, and programs that look for lost secrets, know it for what it is. */
export function keyText(id: string, secret: string): string {
  return `dcl_social_${id}_${secret}`
}

/** The id in the text of a key; null when it is none. */
export function keyIdOf(text: string): string | null {
  return KEY.exec(text)?.[1] ?? null
}
