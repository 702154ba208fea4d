import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const SOURCES = fileURLToPath(new URL('../src/', import.meta.url))

/** The rooms of the house, from the top floor down; those of one floor do not know each other. */
const FLOORS: readonly (readonly [name: string, files: RegExp])[][] = [
  [['the top', /^(main|app)\.ts$|^(app|cli)\//]],
  [
    ['rpc', /^rpc\//],
    ['rest', /^rest\//],
    ['matrix proxy', /^matrix\/(proxy|rules)\//],
    ['matrix worker', /^matrix\/(outbox|pair|direct-rooms|homeserver-watch)/]
  ],
  [['social', /^social\//]],
  [
    ['storage', /^storage\//],
    ['realtime', /^realtime\//],
    ['auth', /^auth\//],
    ['profiles', /^profiles\//],
    ['matrix client', /^matrix\/[^/]+$/]
  ],
  [['domain', /^domain\//]]
]

const CODEC = /^rpc\/(.+-codec|protocol)\.ts$/
const GENERATED = /^@dcl\/(protocol|rpc)\//
const DATABASE_LIBRARY = /^(pg|kysely|@electric-sql\/.+)$/
const SQL = /[`'"(]\s*(select\s|insert into\s|update \w+ set\s|delete from\s|with \w+ as\s*\()/i
const MAX_LINES = 300

interface Import {
  /** A path within src, or the name of a package. */
  readonly target: string
  readonly isTypeOnly: boolean
}

interface File {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter(path => /\.[jt]s$/.test(path))
  .map(read)

function read(path: string): File {
  const text = readFileSync(SOURCES + path, 'utf8')
  const statements = text.matchAll(/^(?:import|export)\s+(?:([\w*\s{},]+?)\s+from\s+)?'([^']+)'/gm)
  const expressions = text.matchAll(/\bimport\(\s*'([^']+)'/g)
  const resolve = (target: string): string =>
    target.startsWith('.') ? posix.join(posix.dirname(path), target) : target.replace(/^\.\//, '')
  return {
    path,
    text,
    imports: [
      ...[...statements].map(([, what = '', target = '']) => ({
        target: resolve(target),
        isTypeOnly: isTypeOnly(what)
      })),
      ...[...expressions].map(([, target = '']) => ({ target: resolve(target), isTypeOnly: false }))
    ]
  }
}

/** `type { … }`, or `{ type …, type … }`. */
function isTypeOnly(what: string): boolean {
  if (/^\s*type\b/.test(what)) return true
  const names =
    /\{([^}]*)\}/
      .exec(what)?.[1]
      ?.split(',')
      .filter(name => name.trim()) ?? []
  return names.length > 0 && names.every(name => /^\s*type\s/.test(name))
}

/** Where a file of src is: its floor, counted from the top, and its room. */
function placeOf(path: string): { floor: number; room: string } | null {
  for (const [floor, rooms] of FLOORS.entries()) {
    const [room] = rooms.find(([, pattern]) => pattern.test(path)) ?? []
    if (room !== undefined) return { floor, room }
  }
  return null
}

function breaches(isBreach: (file: File, target: Import) => boolean): string[] {
  return files.flatMap(file =>
    file.imports.filter(target => isBreach(file, target)).map(({ target }) => `${file.path} imports ${target}`)
  )
}

const isOurs = (target: string): boolean => files.some(({ path }) => path === target)

describe('an import', () => {
  it('is of a file that is there, or of a package', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(breaches((_, { target }) => /\.[jt]s$/.test(target) && !target.startsWith('@') && !isKnown(target))).toEqual(
      []
    )
  })

  it('points down, and never to another room of the same floor', () => {
    const wrong = breaches((file, { target }) => {
      const [from, to] = [placeOf(file.path), placeOf(target)]
      return from !== null && to !== null && from.room !== to.room && to.floor <= from.floor
    })
    expect(wrong).toEqual([])
  })

  it('of storage is never by what clients talk to', () => {
    const edge = /^(rpc|rest|matrix\/(proxy|rules))\//
    expect(breaches(({ path }, { target }) => edge.test(path) && target.startsWith('storage/'))).toEqual([])
  })

  it('is, in the domain, of the domain or of Node', () => {
    const isForeign = (target: string) => !/^(domain\/|node:)/.test(target)
    expect(breaches(({ path }, { target }) => path.startsWith('domain/') && isForeign(target))).toEqual([])
  })

  it('of the configuration is by the top alone', () => {
    const isConfig = (path: string) => /^config(\.ts$|\/)/.test(path)
    expect(
      breaches(({ path }, { target }) => isConfig(target) && !isConfig(path) && placeOf(path)?.floor !== 0)
    ).toEqual([])
  })

  it('is, in the observability and the configuration, of nothing else of ours', () => {
    for (const room of [/^observability\//, /^config(\.ts$|\/)/]) {
      expect(breaches(({ path }, { target }) => room.test(path) && isOurs(target) && !room.test(target))).toEqual([])
    }
  })

  it('of generated messages is by codecs, but for their types', () => {
    expect(
      breaches(({ path }, { target, isTypeOnly }) => GENERATED.test(target) && !isTypeOnly && !CODEC.test(path))
    ).toEqual([])
  })

  it('of a database library is by storage alone', () => {
    expect(breaches(({ path }, { target }) => DATABASE_LIBRARY.test(target) && !path.startsWith('storage/'))).toEqual(
      []
    )
  })
})

describe('a file', () => {
  const where = (isWrong: (file: File) => boolean): string[] => files.filter(isWrong).map(({ path }) => path)

  it('is in one of the rooms', () => {
    expect(where(({ path }) => placeOf(path) === null && !/^(observability|config)\/|^config\.ts$/.test(path))).toEqual(
      []
    )
  })

  it('reads the environment only if it is the configuration', () => {
    expect(where(({ path, text }) => text.includes('process.env') && path !== 'config.ts')).toEqual([])
  })

  it('holds SQL only in storage', () => {
    expect(where(({ path, text }) => SQL.test(text) && !path.startsWith('storage/'))).toEqual([])
    expect(where(({ text }) => SQL.test(text)).length).toBeGreaterThan(4)
  })

  it(`has at most ${MAX_LINES} lines`, () => {
    expect(where(({ text }) => text.split('\n').length > MAX_LINES + 1)).toEqual([])
  })
})

function isKnown(target: string): boolean {
  return (
    isOurs(target) ||
    !/^(app|cli|rpc|rest|matrix|social|storage|realtime|auth|profiles|domain|observability|config)[./]/.test(target)
  )
}
