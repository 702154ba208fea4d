import type { Kind } from './kinds.ts'

export const ENVIRONMENTS = ['local', 'zone', 'org'] as const
export type Environment = (typeof ENVIRONMENTS)[number]

/** One environment variable. */
export interface Definition {
  readonly kind: Kind<unknown>
  readonly about: string
  /** The text that stands for an unset variable, for each environment where they differ. */
  readonly default?: string | Partial<Record<Environment, string>>
  /** Names that mean the same; the setting's own name wins. */
  readonly aliases?: readonly string[]
  /** The value must never be shown. */
  readonly secret?: boolean
}

export type Definitions = Readonly<Record<string, Definition>>

/** What a setting holds; null is possible unless every environment has a default. */
export type ValueOf<D extends Definition> =
  | (D['kind'] extends Kind<infer T> ? T : never)
  | (D extends { default: string | Record<Environment, string> } ? never : null)
