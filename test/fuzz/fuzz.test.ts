import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as body from './targets/body.ts'
import * as chain from './targets/chain.ts'
import * as frame from './targets/frame.ts'
import * as handshake from './targets/handshake.ts'
import * as path from './targets/path.ts'

const TARGETS = { body, chain, frame, handshake, path }
const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url))

describe('what fuzzing found before', () => {
  it.each(Object.entries(TARGETS))('does no harm to %s', async (name, { fuzz }) => {
    const inputs = readdirSync(CORPUS + name).map(file => readFileSync(`${CORPUS}${name}/${file}`))
    expect(inputs.length).toBeGreaterThan(2)
    for (const input of inputs) await fuzz(input)
  })
})

describe('the fuzzer', () => {
  it('is led by coverage to an error that chance would not find', { timeout: 300_000 }, async () => {
    const main = fileURLToPath(new URL('main.ts', import.meta.url))
    const args = ['--import', 'tsx', main, 'planted', '--seconds', '240', '--seed', '1']
    const output = await new Promise<string>(done => {
      execFile(process.execPath, args, (error, stdout, stderr) => done(`${error?.code} ${stdout}${stderr}`))
    })
    expect(output).toMatch(/^1 /)
    expect(output).toContain('The planted error is found')
    expect(output).toContain('planted fails')
  })
})
