import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'dotenv'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'
import type { Definition } from '../../src/config/definition.ts'
import { readEnvFile } from '../../src/config/env-file.ts'
import { SETTING_GROUPS } from '../../src/config/settings.ts'

describe('the example of a .env file', () => {
  const file = new URL('../../.env.example', import.meta.url)

  /** Run with UPDATE_DOCS=1 to write it anew. */
  test('names every setting with its default, and sets none', () => {
    const wanted = exampleFile()
    if (process.env['UPDATE_DOCS']) writeFileSync(file, wanted)
    expect(readFileSync(file, 'utf8')).toBe(wanted)
    expect(readEnvFile(fileURLToPath(file))).toEqual({})
  })

  test('can be used as it is, every setting in force', () => {
    const text = readFileSync(file, 'utf8')
    const lines = [...text.matchAll(/^# ([A-Z][A-Z0-9_]*=.+)$/gm)].map(([, line]) => line!)
    expect(lines.length).toBeGreaterThan(80)
    // Without a host, which has no default, its user would be a mistake.
    const env = parse(lines.filter(line => !line.startsWith('DB_')).join('\n'))
    // Some say that they have no effect beside the others.
    expect({ ...readConfig(env), warnings: [] }).toEqual(readConfig({ ENVIRONMENT: 'local' }))
  })
})

describe('the operator documentation', () => {
  const file = new URL('../../docs/operations.md', import.meta.url)
  const part = /(<!-- settings:start -->\n)[\s\S]*(<!-- settings:end -->)/

  /** Run with UPDATE_DOCS=1 to write the tables anew. */
  test('lists every setting as it is', () => {
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(part)
    const wanted = text.replace(part, (_, start: string, end: string) => `${start}${settingTables()}\n${end}`)
    if (process.env['UPDATE_DOCS']) writeFileSync(file, wanted)
    expect(readFileSync(file, 'utf8')).toBe(wanted)
  })
})

function settingTables(): string {
  const tables = Object.entries(SETTING_GROUPS).map(([title, definitions]) => {
    const rows = Object.entries<Definition>(definitions).map(([name, definition]) => row(name, definition))
    return [`\n### ${title}\n`, '| Variable | Meaning | Allowed | Default |', '|---|---|---|---|', ...rows].join('\n')
  })
  return `${tables.join('\n')}\n`
}

function row(name: string, { kind, about, aliases = [], secret, default: text }: Definition): string {
  const names = [name, ...aliases].map(variable => `\`${variable}\``).join(', also ')
  const allowed = kind.unit ? `${kind.allowed} ${kind.unit}` : kind.allowed
  const meaning = secret ? `${about} Secret.` : about
  return `| ${names} | ${meaning} | ${allowed} | ${defaultText(text)} |`
}

function defaultText(text: Definition['default']): string {
  if (text === undefined) return 'none'
  if (typeof text === 'string') return `\`${text}\``
  return Object.entries(text)
    .map(([environment, value]) => `${environment}: \`${value}\``)
    .join('<br>')
}

/** Settings as a file that is read beside the environment takes them, each commented out. */
function exampleFile(): string {
  const groups = Object.entries(SETTING_GROUPS).map(([title, definitions]) => {
    const settings = Object.entries<Definition>(definitions).map(([name, definition]) => example(name, definition))
    return [`## ${title}\n`, ...settings].join('\n')
  })
  const head = `# Copied to .env, this file is read when the service starts; the environment of the process wins over it.
# What follows are the defaults (of ENVIRONMENT=local, where they differ): take a # away to change one.
# Made by test/config/documentation.test.ts, as the tables of docs/operations.md are.
`
  return `${[head, ...groups].join('\n')}`
}

function example(name: string, { kind, about, secret, default: text }: Definition): string {
  const value = typeof text === 'object' ? text.local : text
  const allowed = kind.unit ? `${kind.allowed} ${kind.unit}` : kind.allowed
  const meaning = `${about}${secret ? ' Secret.' : ''} (${allowed})`.replaceAll(/[`|\\]/g, '').replaceAll('<br>', ' ')
  return `# ${meaning}\n# ${name}=${value ?? ''}\n`
}
