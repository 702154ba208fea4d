import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether this user may mount file systems in memory, as only root may. */
export const canMount = ((): boolean => {
  const folder = mkdtempSync(join(tmpdir(), 'social-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmdirSync(folder)
  }
})()

const CHUNK = Buffer.alloc(64 * 1024)

/** A small disk of its own, which can be filled up. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** @param size as mount takes it: `100m` */
  static async mount(size: string): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), 'social-disk-'))
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path])
    return new SmallDisk(path)
  }

  get #filler(): string {
    return join(this.path, 'filler')
  }

  /** Leaves not a byte. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'w')
    try {
      for (;;) await file.writeFile(CHUNK)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      await file.close()
    }
  }

  /** Gives back what {@link fill} took. */
  async free(): Promise<void> {
    await rm(this.#filler, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['--lazy', this.path])
    await rmdir(this.path)
  }
}
