import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DataInUseError, lockDataDir } from '../../../src/storage/db/data-lock.ts'
import { freshFolder } from '../../env/databases.ts'
import { startWriter } from '../../env/embedded-writer.ts'

test('a folder is for one process: the error of the second says who has it and what to do', async () => {
  await using folder = await freshFolder()
  const lock = await lockDataDir(folder.path)
  const refused = lockDataDir(folder.path)
  await expect(refused).rejects.toThrow(DataInUseError)
  await expect(refused).rejects.toThrow(`The data folder ${folder.path} is in use by process ${process.pid} on `)
  await expect(refused).rejects.toThrow(/Stop that process, or set DATA_DIR .* or set DATABASE_URL/)
  await lock.release()
  await (await lockDataDir(folder.path)).release()
})

test('folders do not hinder each other, and are made where there is none', async () => {
  await using folder = await freshFolder()
  const locks = [await lockDataDir(join(folder.path, 'a/b')), await lockDataDir(join(folder.path, 'c'))]
  for (const lock of locks) await lock.release()
})

test('a folder whose path is too long for a socket can be locked too', async () => {
  await using folder = await freshFolder()
  const deep = join(folder.path, 'x'.repeat(100), 'y'.repeat(100))
  const lock = await lockDataDir(deep)
  await expect(lockDataDir(deep)).rejects.toThrow(`in use by process ${process.pid}`)
  await lock.release()
  await (await lockDataDir(deep)).release()
})

test('of many that start at once, on a new folder or after each other, exactly one gets it', async () => {
  await using folder = await freshFolder()
  for (let round = 1; round <= 30; round++) {
    const starts = await Promise.allSettled(Array.from({ length: 10 }, () => lockDataDir(folder.path)))
    const locks = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []))
    const refusals = starts.flatMap(start => (start.status === 'rejected' ? [start.reason] : []))
    expect(locks).toHaveLength(1)
    expect(refusals.every(reason => reason instanceof DataInUseError)).toBe(true)
    expect(await readdir(folder.path)).toHaveLength(1)
    await locks[0]?.release()
  }
})

test('a process that is killed lets its folder go; until then another process is refused', async () => {
  await using folder = await freshFolder()
  const writer = await startWriter(folder.path)
  await expect(lockDataDir(folder.path)).rejects.toThrow(`in use by process ${writer.pid} `)
  await writer.kill()
  await (await lockDataDir(folder.path)).release()
})

test('a holder that is alive but says nothing still has its folder', async () => {
  await using folder = await freshFolder()
  await mkdir(folder.path, { recursive: true })
  const mute = createServer(() => {})
  await new Promise<void>(resolve => mute.listen(join(folder.path, 'lock-4'), resolve))
  await expect(lockDataDir(folder.path)).rejects.toThrow('in use by a process that does not answer')
  await new Promise(resolve => mute.close(resolve))
})

test('what a copy of the folder made of the lock locks nothing', async () => {
  await using folder = await freshFolder()
  await writeFile(join(folder.path, 'lock-7'), '')
  const lock = await lockDataDir(folder.path)
  expect(await readdir(folder.path)).toEqual(['lock-8'])
  await lock.release()
})
