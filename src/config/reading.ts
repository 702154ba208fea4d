import type { Definition, Environment } from './definition.ts'
import { SETTINGS, type SettingName, type Values } from './settings.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** What the environment says, setting by setting, and what is wrong with it. */
export interface Reading {
  readonly values: Values
  /** The variable that each setting came from; a setting that is not in here was not set. */
  readonly sources: Readonly<Partial<Record<SettingName, string>>>
  /** One line each: the variable, what is allowed, what it holds. */
  readonly issues: string[]
  /** One line each, for what was understood and has no effect. */
  readonly warnings: string[]
}

/** Reads every setting. One that is not valid is as if it were unset, so that all issues are found at once. */
export function readSettings(env: Env): Reading {
  const values: Record<string, unknown> = {}
  const sources: Record<string, string> = {}
  const issues: string[] = []
  // ENVIRONMENT comes first in the table, and with it the defaults of the others.
  for (const [name, definition] of Object.entries<Definition>(SETTINGS)) {
    values[name] = defaultOf(definition, values['ENVIRONMENT'] as Environment)
    const source = [name, ...(definition.aliases ?? [])].find(variable => textOf(env, variable) !== '')
    if (source === undefined) continue
    sources[name] = source
    const text = textOf(env, source)
    const parsed = definition.kind.schema.safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else issues.push(`${source} must be ${definition.kind.allowed}, but is ${shown(text, definition)}`)
  }
  return { values: values as Values, sources, issues, warnings: [] }
}

function textOf(env: Env, variable: string): string {
  return env[variable]?.trim() ?? ''
}

function defaultOf(definition: Definition, environment: Environment): unknown {
  const text = typeof definition.default === 'object' ? definition.default[environment] : definition.default
  return text === undefined ? null : definition.kind.schema.parse(text)
}

/** What a variable holds, cut short, and without what nobody may see: who logs in by a URL or host, and its query. */
export function shownText(text: string, { secret }: Definition): string {
  if (secret) return '(hidden)'
  const harmless = text.replace(/^([a-z]+:\/\/)?.*@/is, '$1(hidden)@').replace(/[?#].*/s, '?(hidden)')
  return harmless.slice(0, 100)
}

function shown(text: string, definition: Definition): string {
  return definition.secret ? '(hidden)' : JSON.stringify(shownText(text, definition))
}
