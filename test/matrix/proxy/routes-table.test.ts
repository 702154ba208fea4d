import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Route } from '../../../src/matrix/proxy/route.ts'
import { ROUTES, SESSION_ROUTES } from '../../../src/matrix/proxy/routes.ts'

const ALL = [...ROUTES, ...SESSION_ROUTES]

const callOf = ({ method, prefixes, segments }: Route): string => {
  const path = segments.map(segment => (typeof segment === 'string' ? segment : `{${segment.param}}`)).join('/')
  const isOldMedia = prefixes.some(prefix => prefix.startsWith('media'))
  return `\`${method} ${isOldMedia ? 'media/' : ''}${path}\``
}

/** Calls that have their rule or reason in common are one line. */
function table(routes: readonly Route[]): string {
  const calls = new Map<string, string[]>()
  for (const route of routes) {
    const why = route.rule ? `rule \`${route.rule}\`` : String(route.reason)
    calls.set(why, [...(calls.get(why) ?? []), callOf(route)])
  }
  const lines = Array.from(calls, ([why, group]) => `| ${group.join('<br>')} | ${why} |`)
  return ['| calls | rule, or why none |', '|---|---|', ...lines, ''].join('\n')
}

describe('every call that is handed on', () => {
  test.each(ALL.map(route => [callOf(route), route] as const))(
    '%s has a rule, or a reason to have none',
    (_, route) => {
      expect([route.rule, route.reason].filter(Boolean)).toHaveLength(1)
    }
  )

  /** Run with UPDATE_DOCS=1 to write the table anew. */
  test('is in the table of docs/matrix.md', () => {
    const file = new URL('../../../docs/matrix.md', import.meta.url)
    const part = /(<!-- routes:start -->\n)[\s\S]*(<!-- routes:end -->)/
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(part)
    const wanted = text.replace(part, (_, start: string, end: string) => `${start}${table(ALL)}${end}`)
    if (process.env['UPDATE_DOCS']) writeFileSync(file, wanted)
    expect(readFileSync(file, 'utf8')).toBe(wanted)
  })
})
