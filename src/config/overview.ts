import { readVariables } from './config.ts'
import type { Definition } from './definition.ts'
import { readSettings, shownText } from './reading.ts'
import { SETTINGS, type SettingName } from './settings.ts'

/** One setting as an operator may see it. */
export interface SettingOverview {
  readonly name: SettingName
  /** Its text, cut short; not that of a secret. */
  readonly value: string
  /** `default`, `environment` or the name of the file, and the alias by which it was set. */
  readonly origin: string
}

/**
 * Every setting, with where its value comes from; also of a configuration that cannot be used.
 * @throws ConfigError when the file cannot be read
 */
export function settingsOverview(file = '.env'): SettingOverview[] {
  const { ofFile, ofProcess } = readVariables(file)
  const { sources, values } = readSettings({ ...ofFile, ...ofProcess })
  return Object.entries<Definition>(SETTINGS).map(([key, definition]) => {
    const name = key as SettingName
    const source = sources[name]
    if (source === undefined) return { name, value: defaultText(definition, values.ENVIRONMENT), origin: 'default' }
    const place = source in ofProcess ? 'environment' : file
    const text = (ofProcess[source] ?? ofFile[source] ?? '').trim()
    const origin = source === name ? place : `${place}, as ${source}`
    return { name, value: shownText(text, definition), origin }
  })
}

function defaultText({ default: text }: Definition, environment: 'local' | 'zone' | 'org'): string {
  return (typeof text === 'object' ? text[environment] : text) ?? '-'
}
