import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** The line of the documentation that draws the floors, from the top down. */
const PICTURE = /^`(main, app, cli -> .+)`$/m

interface Place {
  /** Counted from the top. */
  readonly floor: number
  /** What a `|` parts on a floor does not know each other; what a comma parts does. */
  readonly room: string
}

const places = new Map<string, Place>(
  (PICTURE.exec(readFileSync(`${ROOT}docs/architecture.md`, 'utf8'))?.[1] ?? '')
    .split('->')
    .flatMap((names, floor) =>
      names.split('|').flatMap(room => room.split(',').map(folder => [folder.trim(), { floor, room }] as const))
    )
)
/** Where anything but the domain and the tools may look, the configuration for its types alone. */
const ANYWHERE = new Set(['observability', 'config'])

/** Made by `scripts/generate-protocol.ts`. */
const GENERATED = /^src\/rpc\/generated\//
const CODEC = /^src\/rpc\/(.+\/)?(.+-)?(codec|protocol)\.ts$/
const DATABASE_LIBRARY = /^(pg|kysely|@electric-sql\/.+)$/
const SQL = /[`'"(]\s*(select\s|insert into\s|update \w+ set\s|delete from\s|with \w+ as\s*\()/i
const MAX_LINES = 300

interface Import {
  /** A path below the root, or the name of a package. */
  readonly target: string
  readonly isTypeOnly: boolean
}

interface File {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

const files = ['src', 'test', 'bench', 'demo', 'scripts'].flatMap(folder =>
  readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
    .filter(path => /\.[jt]s$/.test(path) && !path.includes('node_modules') && !path.startsWith('rust-client/target'))
    .map(path => read(`${folder}/${path}`))
)
const sources = files.filter(({ path }) => path.startsWith('src/'))
const known = new Map(files.map(file => [file.path, file]))

function read(path: string): File {
  const text = readFileSync(ROOT + path, 'utf8')
  const statements = text.matchAll(/^(?:import|export)\s+(?:([\w*\s{},]+?)\s+from\s+)?'([^']+)'/gm)
  const expressions = text.matchAll(/\bimport\(\s*'([^']+)'/g)
  const resolve = (target: string): string =>
    target.startsWith('.') ? posix.join(posix.dirname(path), target) : target
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
  const names = (/\{([^}]*)\}/.exec(what)?.[1] ?? '').split(',').filter(name => name.trim())
  return names.length > 0 && names.every(name => /^\s*type\s/.test(name))
}

/** The folder of a file of src, as the picture names it: `main` of `src/main.ts`, `matrix/client` below that one. */
function folderOf(path: string): string {
  const [, first = '', second = ''] = path.replace(/\.ts$/, '').split('/')
  return first === 'matrix' ? `${first}/${second}` : first
}

function breaches(among: readonly File[], isBreach: (file: File, target: Import) => boolean): string[] {
  return among.flatMap(file =>
    file.imports.filter(target => isBreach(file, target)).map(({ target }) => `${file.path} imports ${target}`)
  )
}

const isSource = (target: string): boolean => target.startsWith('src/')

describe('an import', () => {
  it('is of a file that is there, or of a package', () => {
    expect(sources.length).toBeGreaterThan(50)
    const isLost = (target: string): boolean => /^(src|test|bench|demo)\//.test(target) && !known.has(target)
    expect(breaches(files, (_, { target }) => isLost(target))).toEqual([])
  })

  it('points down, and never to another folder of the same floor', () => {
    const isWrong = (from: string, { target, isTypeOnly }: Import): boolean => {
      const to = folderOf(target)
      const [above, below] = [places.get(from), places.get(to)]
      if (from === to || above === undefined || above.room === below?.room) return false
      if (ANYWHERE.has(to)) return /^(domain|lib)$/.test(from) || (to === 'config' && !isTypeOnly && above.floor > 0)
      return below === undefined || below.floor <= above.floor
    }
    expect(breaches(sources, ({ path }, target) => isSource(target.target) && isWrong(folderOf(path), target))).toEqual(
      []
    )
  })

  it('never leads from what clients talk to into storage', () => {
    const isEdge = (path: string): boolean => /^(rpc|http|matrix\/proxy)$/.test(folderOf(path))
    expect(
      breaches(sources, ({ path }, { target }) => isEdge(path) && isSource(target) && folderOf(target) === 'storage')
    ).toEqual([])
  })

  it('leads from the domain to the domain, a tool or Node alone', () => {
    const isForeign = (target: string): boolean => !/^(src\/(domain|lib)\/|node:)/.test(target)
    expect(breaches(sources, ({ path }, { target }) => path.startsWith('src/domain/') && isForeign(target))).toEqual([])
  })

  it('leads from observability and configuration to nothing above the domain', () => {
    const isForeign = (folder: string, target: string): boolean =>
      isSource(target) && ![folder, 'domain', 'lib'].includes(folderOf(target))
    expect(
      breaches(sources, ({ path }, { target }) => ANYWHERE.has(folderOf(path)) && isForeign(folderOf(path), target))
    ).toEqual([])
  })

  it('of generated messages is in codecs alone, but for their types', () => {
    expect(
      breaches(
        sources,
        ({ path }, { target, isTypeOnly }) => GENERATED.test(target) && !isTypeOnly && !CODEC.test(path)
      )
    ).toEqual([])
  })

  it('of a database library is in storage alone', () => {
    expect(
      breaches(sources, ({ path }, { target }) => DATABASE_LIBRARY.test(target) && folderOf(path) !== 'storage')
    ).toEqual([])
  })

  it('is part of no circle', () => {
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '))
      if (done.has(path) || way.includes(path)) return
      for (const { target } of known.get(path)?.imports ?? []) if (known.has(target)) visit(target, [...way, path])
      done.add(path)
    }
    for (const { path } of files) visit(path, [])
    expect(circles).toEqual([])
  })
})

describe('a file', () => {
  const where = (among: readonly File[], isWrong: (file: File) => boolean): string[] =>
    among.filter(isWrong).map(({ path }) => path)

  it('of src is in a folder that the floors name', () => {
    expect(places.size).toBeGreaterThan(15)
    expect(where(sources, ({ path }) => !places.has(folderOf(path)) && !ANYWHERE.has(folderOf(path)))).toEqual([])
  })

  it('reads the environment only if it is the configuration', () => {
    expect(where(sources, ({ path, text }) => text.includes('process.env') && folderOf(path) !== 'config')).toEqual([])
  })

  it('holds SQL only in storage', () => {
    expect(where(sources, ({ path, text }) => SQL.test(text) && folderOf(path) !== 'storage')).toEqual([])
    expect(where(sources, ({ text }) => SQL.test(text)).length).toBeGreaterThan(4)
  })

  it(`has at most ${MAX_LINES} lines`, () => {
    expect(where(files, ({ path, text }) => !GENERATED.test(path) && text.split('\n').length > MAX_LINES + 1)).toEqual(
      []
    )
  })
})
