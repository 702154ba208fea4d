import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** The steps that a demonstration printed, without their times. */
const stepsIn = (output: string): string[] =>
  [...output.matchAll(/^✓ (.+?) {2,}\S+ m?s$/gm)].map(([, step = '']) => step)

/** What the README shows between two marks, and what a demonstration prints. */
const DEMONSTRATIONS = [
  { mark: 'demo', options: [] },
  { mark: 'explorers', options: ['--explorers'] }
]

test.each(DEMONSTRATIONS)('the README shows what the demonstration prints: $mark', async ({ mark, options }) => {
  const shownBetween = new RegExp(`<!-- ${mark}:start -->(.*)<!-- ${mark}:end -->`, 's')
  const [, shown = ''] = shownBetween.exec(await readFile('README.md', 'utf8')) ?? []
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'demo/main.ts', ...options])
  expect(stepsIn(stdout)).not.toEqual([])
  expect(stepsIn(shown)).toEqual(stepsIn(stdout))
})
