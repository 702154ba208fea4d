import { z } from 'zod'
import { urlOfEachHost } from '../lib/host-urls.ts'

/** What the value of a setting may be: the parser of its text, and the words that say what the parser takes. */
export interface Kind<T> {
  readonly schema: z.ZodType<T>
  /** Completes "must be …". */
  readonly allowed: string
  /** What the number counts, where it counts something. */
  readonly unit?: string | undefined
}

const DIGITS = z.string().regex(/^\d+$/).transform(Number)
const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES = { b: 1, kb: 1024, kib: 1024, mb: 1_048_576, mib: 1_048_576 }

export function whole(min: number, max: number, unit?: string): Kind<number> {
  return { schema: DIGITS.pipe(z.number().min(min).max(max)), allowed: `a whole number from ${min} to ${max}`, unit }
}

/** Written like `500ms`, `15s`, `10m`, `12h` or `30d`; a bare number is seconds. The value is in milliseconds. */
export function duration(min: string, max: string): Kind<number> {
  return { schema: measured(MILLISECONDS, 's', min, max), allowed: `a duration from ${min} to ${max}` }
}

/** Written like `512`, `64kb` or `1mb`, where a kilobyte has 1024 bytes. The value is in bytes. */
export function size(min: string, max: string): Kind<number> {
  return { schema: measured(BYTES, 'b', min, max), allowed: `a size from ${min} to ${max}` }
}

export function choice<const T extends string>(...values: readonly T[]): Kind<T> {
  return { schema: z.enum(values), allowed: `one of ${values.join(', ')}` }
}

export const flag: Kind<boolean> = {
  schema: z.enum(['true', 'false']).transform(text => text === 'true'),
  allowed: 'true or false'
}

/** Text that is taken as it is, when it matches. */
export function text(pattern: RegExp, allowed: string): Kind<string> {
  return { schema: z.string().regex(pattern), allowed }
}

/** A URL that is used as it is, whatever it carries. */
export function url(...schemes: readonly string[]): Kind<string> {
  return { schema: absoluteUrl(schemes), allowed: startsWith(schemes) }
}

/** A URL that may name several hosts: `postgres://one:5432,two:5432/name`. */
export function hostsUrl(...schemes: readonly string[]): Kind<string> {
  const schema = z
    .string()
    .regex(new RegExp(`^(?:${schemes.join('|')})://`, 'i'), { abort: true })
    .refine(text => urlOfEachHost(text).every(one => URL.canParse(one)), { abort: true })
  return { schema, allowed: startsWith(schemes) }
}

/** A URL that paths are appended to: it never ends with a slash. */
export function baseUrl(...schemes: readonly string[]): Kind<string> {
  const schema = absoluteUrl(schemes).refine(hasOnlyPath).transform(withoutTrailingSlashes)
  return { schema, allowed: `${startsWith(schemes)}, without user, query and fragment` }
}

/** Origins of web pages, or `*` for all of them. */
export const origins: Kind<'*' | string[]> = {
  schema: z
    .literal('*')
    .or(separatedByCommas(absoluteUrl(['http', 'https']).transform(withoutTrailingSlashes).refine(isOrigin))),
  allowed: '* or a comma-separated list of origins such as https://play.decentraland.org'
}

export const addressRanges: Kind<string[]> = {
  schema: separatedByCommas(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])),
  allowed: 'a comma-separated list of IP addresses and CIDR ranges'
}

/** What one of several, each with a name, has in a list such as `one=…, other=… …`. */
interface Item<T> {
  readonly schema: z.ZodType<T, string>
  /** Completes "a comma-separated list of name=". */
  readonly allowed: string
}

/** What each of several has, by its name: one value or more, with spaces between them. A name is of a-z, 0-9 and dashes. */
export function byName<T>({ schema, allowed }: Item<T>): Kind<ReadonlyMap<string, readonly T[]>> {
  const entry = z
    .string()
    .regex(/^[a-z\d-]{1,32}\s*=\s*\S/, { abort: true })
    .transform(text => {
      const at = text.indexOf('=')
      return {
        name: text.slice(0, at).trim(),
        values: text
          .slice(at + 1)
          .trim()
          .split(/\s+/)
      }
    })
    .pipe(z.object({ name: z.string(), values: z.array(schema) }))
  return {
    schema: separatedByCommas(entry)
      .refine(entries => new Set(entries.map(({ name }) => name)).size === entries.length)
      .transform(entries => new Map(entries.map(({ name, values }) => [name, values]))),
    allowed: `a comma-separated list of name=${allowed}, each name once`
  }
}

export const webhookUrl: Item<string> = {
  schema: absoluteUrl(['http', 'https']).refine(text => {
    const { username, password, hash } = new URL(text)
    return username + password + hash === ''
  }),
  allowed: 'URL, of http:// or https:// and without user and fragment'
}

/** https://www.standardwebhooks.com wants 24 to 64 bytes. */
export const webhookSecret: Item<string> = {
  schema: z.string().regex(/^whsec_(?:[A-Za-z\d+/]{4}){8,21}(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/),
  allowed: 'whsec_… (24 to 64 bytes in base64), or two of them'
}

export function wordOf<const T extends string>(words: readonly T[]): Item<T> {
  return { schema: z.string().pipe(z.enum(words)), allowed: `words of ${words.join(', ')}` }
}

function measured(units: Readonly<Record<string, number>>, bareUnit: string, min: string, max: string) {
  const pattern = new RegExp(`^(\\d+) ?(${Object.keys(units).join('|')})?$`, 'i')
  const toNumber = (text: string): number => {
    const [, count, unit = bareUnit] = pattern.exec(text) ?? []
    return Number(count) * (units[unit.toLowerCase()] ?? Number.NaN)
  }
  return z
    .string()
    .transform(toNumber)
    .pipe(z.number().min(toNumber(min)).max(toNumber(max)))
}

function separatedByCommas<T>(item: z.ZodType<T, string>) {
  return z
    .string()
    .transform(text => text.split(',').flatMap(part => part.trim() || []))
    .pipe(z.array(item))
}

function absoluteUrl(schemes: readonly string[]) {
  return z
    .string()
    .regex(new RegExp(`^(?:${schemes.join('|')})://`, 'i'), { abort: true })
    .refine(text => URL.canParse(text), { abort: true })
}

function startsWith(schemes: readonly string[]): string {
  return `a URL that starts with ${schemes.map(scheme => `${scheme}://`).join(' or ')}`
}

function hasOnlyPath(text: string): boolean {
  const { username, password, search, hash } = new URL(text)
  return username + password + search + hash === ''
}

function withoutTrailingSlashes(text: string): string {
  return text.replace(/\/+$/, '')
}

function isOrigin(text: string): boolean {
  return new URL(text).origin === text.toLowerCase()
}
