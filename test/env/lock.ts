import { link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_AGAIN_MS = 200

/**
 * Does some work that only one process of this machine may do at one time, and asks for once at a time itself. A lock
 * whose process is gone is no lock.
 * @param timeoutMs longest time that the work of others can take
 */
export async function withLock(path: string, timeoutMs: number, work: () => Promise<void>): Promise<void> {
  const own = `${path}.${process.pid}`
  await writeFile(own, String(process.pid))
  try {
    // Unlike a file that is created and then written, a link is there with its content or not at all.
    while (!(await taken(link(own, path)))) {
      if (await isAbandoned(path, timeoutMs)) await rm(path, { force: true })
      else await sleep(LOOK_AGAIN_MS)
    }
    try {
      await work()
    } finally {
      await rm(path, { force: true })
    }
  } finally {
    await rm(own, { force: true })
  }
}

async function taken(attempt: Promise<void>): Promise<boolean> {
  try {
    await attempt
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isAbandoned(path: string, timeoutMs: number): Promise<boolean> {
  try {
    const [holder, { mtimeMs }] = [Number(await readFile(path, 'utf8')), await stat(path)]
    return Date.now() - mtimeMs > timeoutMs || !isAlive(holder)
  } catch {
    return false // It was released at this moment.
  }
}

/** Whether a process of this machine has not ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
