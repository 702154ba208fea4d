import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Definition } from '../../src/config/definition.ts'
import { SETTING_GROUPS } from '../../src/config/settings.ts'

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
