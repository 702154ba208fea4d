import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', ...readdirSync(`${ROOT}docs`).map(name => `docs/${name}`)].filter(
  name => name.endsWith('.md')
)

const textOf = (document: string): string => readFileSync(ROOT + document, 'utf8')

describe('the documentation', () => {
  it.each(DOCUMENTS)('names in %s only files that there are', document => {
    const paths = [...textOf(document).matchAll(/`((?:src|test|bench|demo)\/[\w./-]*)`/g)].map(([, path = '']) => path)
    expect(paths.filter(path => !existsSync(ROOT + path))).toEqual([])
  })

  it.each(DOCUMENTS)('links in %s only to documents that there are', document => {
    const folder = document.startsWith('docs/') ? 'docs/' : ''
    const links = [...textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => folder + path)
    expect(links.filter(path => !existsSync(ROOT + path))).toEqual([])
  })

  it('names every folder of the sources in the tree of the architecture', () => {
    const tree = textOf('docs/architecture.md')
    const folders = readdirSync(`${ROOT}src`, { withFileTypes: true }).filter(entry => entry.isDirectory())
    expect(folders.map(({ name }) => `src/${name}/`).filter(name => !tree.includes(`\`${name}\``))).toEqual([])
  })
})
