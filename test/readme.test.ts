import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** The steps that a demonstration printed, without their times. */
const stepsIn = (output: string): string[] =>
  [...output.matchAll(/^✓ (.+?) {2,}\S+ m?s$/gm)].map(([, step = '']) => step)

test('the README shows what the demonstration prints', async () => {
  const [, shown = ''] = /<!-- demo:start -->(.*)<!-- demo:end -->/s.exec(await readFile('README.md', 'utf8')) ?? []
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'demo/main.ts'])
  expect(stepsIn(stdout)).not.toEqual([])
  expect(stepsIn(shown)).toEqual(stepsIn(stdout))
})
