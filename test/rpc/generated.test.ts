import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { protocProgram } from '../env/missing-servers.ts'

const ROOT = join(import.meta.dirname, '../..')
const KEPT = join(ROOT, 'src/rpc/generated')

describe.skipIf(protocProgram() === null)('The codecs that are kept', () => {
  let made: string
  beforeAll(async () => {
    made = await mkdtemp(join(tmpdir(), 'generated-'))
    await promisify(execFile)('npx', ['tsx', 'scripts/generate-protocol.ts', made], { cwd: ROOT })
  })
  afterAll(() => rm(made, { recursive: true, force: true }))

  it('are those that come of the installed definitions', async () => {
    const names = await readdir(made)
    expect(await readdir(KEPT)).toEqual(names)
    expect(names).toHaveLength(6)
    const read = (folder: string) => Promise.all(names.map(name => readFile(join(folder, name), 'utf8')))
    expect(await read(KEPT)).toEqual(await read(made))
  })
})
