import { fork } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** What is fuzzed: a file of `targets/` each, and a folder of inputs in `corpus/`. */
const TARGETS = ['frame', 'chain', 'path', 'handshake', 'body']

/** Longest time for a batch of inputs, in milliseconds: what takes longer hangs. */
const HANG_MS = 20_000

interface Progress {
  readonly count: number
  readonly known: number
  /** What runs now, in base64: all that may be at fault. */
  readonly inputs: readonly string[]
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 0x7fff_ffff) },
    /** Adds what was found to the corpus. */
    keep: { type: 'boolean', default: false }
  }
})

/** @returns why it failed, or null */
async function fuzz(name: string): Promise<string | null> {
  const args = [name, values.seconds, values.seed, values.keep ? 'keep' : '']
  const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), args)
  let last: Progress = { count: 0, known: 0, inputs: [] }
  let isHung = false
  const hang = setTimeout(() => {
    isHung = true
    child.kill('SIGKILL')
  }, HANG_MS)
  child.on('message', progress => {
    last = progress as Progress
    hang.refresh()
  })
  const code = await new Promise<number | null>(done => child.once('exit', done))
  clearTimeout(hang)
  const { count, known, inputs } = last
  process.stdout.write(`${name}: ${count} inputs, ${known} of them different, seed ${values.seed}\n`)
  if (code === 0) return null
  const failures = mkdtempSync(join(tmpdir(), 'social-fuzz-'))
  for (const [at, input] of inputs.entries()) writeFileSync(join(failures, `${name}-${at}`), input, 'base64')
  return `${name} ${isHung ? 'hangs' : 'fails'}: one of the inputs in ${failures} does it\n`
}

for (const name of positionals.length > 0 ? positionals : TARGETS) {
  const failure = await fuzz(name)
  if (failure === null) continue
  process.stderr.write(failure)
  process.exitCode = 1
  break
}
