import { expect, it } from 'vitest'
import { KeyedMutex } from '../../src/lib/keyed-mutex.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

it('has one holder at a time for each key, first come, first served, and other keys beside it', async () => {
  const mutex = new KeyedMutex()
  const entered: string[] = []
  const releases = new Map<string, () => void>()
  for (const name of ['a1', 'a2', 'a3', 'b1']) {
    void mutex.acquire(name[0] ?? '').then(release => {
      entered.push(name)
      releases.set(name, release)
    })
  }
  await turn()
  expect(entered).toEqual(['a1', 'b1'])
  releases.get('a1')?.()
  await turn()
  releases.get('a2')?.()
  await turn()
  expect(entered).toEqual(['a1', 'b1', 'a2', 'a3'])
})
