import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Coverage } from './coverage.ts'
import { mutated, randomOf } from './mutation.ts'

/** Inputs between two looks at what was run: a look takes longer than many of them. */
const BATCH = 64
const WATCHED = /\/(src|test\/fuzz\/targets|node_modules\/@dcl\/rpc)\//

interface Target {
  readonly fuzz: (data: Buffer) => void | Promise<void>
}

const [name = '', seconds = '1', seed = '0', keep = ''] = process.argv.slice(2)
const here = fileURLToPath(new URL('.', import.meta.url))
const folder = join(here, 'corpus', name)
const { fuzz } = (await import(`./targets/${name}.ts`)) as Target
const random = randomOf(Number(seed))
const coverage = new Coverage(url => WATCHED.test(url))
const known: Buffer[] = []
const startedAt = performance.now()
let count = 0

/** The parent has what is about to be run, should this process never come back. */
function announce(inputs: readonly Buffer[]): Promise<void> {
  return new Promise(done => {
    const message = { count, known: known.length, inputs: inputs.map(input => input.toString('base64')) }
    if (process.send) process.send(message, undefined, {}, () => done())
    else done()
  })
}

async function run(input: Buffer): Promise<void> {
  count++
  try {
    await fuzz(Buffer.from(input))
  } catch (error) {
    await announce([input])
    throw error
  }
}

/** Runs inputs by themselves, and adds those to the known ones that run what none did before. */
async function learn(inputs: readonly Buffer[], isKept: boolean): Promise<void> {
  await coverage.skip()
  for (const input of inputs) {
    await run(input)
    if (!(await coverage.isNew(true))) continue
    known.push(input)
    if (!isKept) continue
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16)), input)
  }
}

function corpus(): Buffer[] {
  try {
    return readdirSync(folder).map(file => readFileSync(join(folder, file)))
  } catch {
    return []
  }
}

await coverage.start()
await learn([Buffer.alloc(0), ...corpus()], false)
while (performance.now() - startedAt < Number(seconds) * 1000) {
  const inputs = Array.from({ length: BATCH }, () => mutated(known, random))
  await announce(inputs)
  for (const input of inputs) await run(input)
  if (await coverage.isNew(false)) await learn(inputs, keep === 'keep')
}
await announce([])
process.disconnect?.()
