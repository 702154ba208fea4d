import { once } from 'node:events'
import { link, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Another process has the folder. The message says which one, and what can be done. */
export class DataInUseError extends Error {
  override readonly name = 'DataInUseError'

  constructor(dataDir: string, holder: string) {
    super(
      `The data folder ${resolve(dataDir)} is in use by ${holder}. ` +
        'Stop that process, or set DATA_DIR to another folder, or set DATABASE_URL to run several on one PostgreSQL.'
    )
  }
}

/** The folder, or what is in it, cannot be used. The message says why, and what can be done. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError'
}

export interface DataLock {
  release(): Promise<void>
}

const LOCK = /^lock-(\d+)$/
/** How long a holder may take to say who it is, in milliseconds. */
const ANSWER_DEADLINE_MS = 1_000
/** Paths of sockets are short: 104 bytes on macOS, 108 on Linux. What is appended to the folder needs 30. */
const LONGEST_FOLDER = 70

/**
 * Takes a folder for this process, and makes it when there is none. The lock is a socket in the folder that the holder
 * listens on: the system closes it however the process ends, and the next one finds that nobody answers. No process
 * id is trusted, as those come again, and containers that share a volume all have the same ones.
 *
 * A dead lock cannot be replaced without a moment in which a second starter replaces the first one's: so locks are
 * numbered, the one with the highest number counts, a higher one is only made over a dead one, and the highest is never
 * removed. Making one is atomic, since a hard link never replaces a file.
 * @throws DataInUseError, DataDirError
 */
export async function lockDataDir(dataDir: string): Promise<DataLock> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch(error => {
    throw unusable(dataDir, error)
  })
  const folder = await shortPath(dataDir)
  const name = `candidate-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
  const server = await listen(join(folder.path, name), dataDir)
  try {
    const number = await claim(folder.path, name, dataDir)
    await removeBelow(folder.path, number)
  } catch (error) {
    await close(server)
    throw error
  } finally {
    await rm(join(folder.path, name), { force: true })
    await folder.forget()
  }
  return { release: () => close(server) }
}

async function claim(folder: string, candidate: string, dataDir: string): Promise<number> {
  for (;;) {
    const highest = Math.max(0, ...(await locks(folder)))
    const holder = highest > 0 ? await holderOf(join(folder, `lock-${highest}`)) : null
    if (holder !== null) throw new DataInUseError(dataDir, holder)
    const own = highest + 1
    const isMade = await link(join(folder, candidate), join(folder, `lock-${own}`)).then(
      () => true,
      error => {
        if (error.code === 'EEXIST') return false
        throw error
      }
    )
    if (!isMade) continue
    // Ours may be below one that was made, and whose predecessors were removed, since we looked.
    if (Math.max(...(await locks(folder))) === own) return own
    await rm(join(folder, `lock-${own}`), { force: true })
  }
}

async function locks(folder: string): Promise<number[]> {
  return (await readdir(folder)).flatMap(name => LOCK.exec(name)?.[1] ?? []).map(Number)
}

async function removeBelow(folder: string, number: number): Promise<void> {
  for (const other of await locks(folder)) {
    if (other < number) await rm(join(folder, `lock-${other}`), { force: true })
  }
}

/** Who listens on a socket, in words; null when nobody does. */
function holderOf(path: string): Promise<string | null> {
  return new Promise(settle => {
    let words = ''
    const socket = createConnection(path)
    const done = (holder: string | null): void => {
      socket.destroy()
      settle(holder)
    }
    socket.setTimeout(ANSWER_DEADLINE_MS, () => done('a process that does not answer'))
    socket.setEncoding('utf8')
    socket.on('data', text => {
      words += text
    })
    socket.on('end', () => done(words || 'another process'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
      done(nobody ? null : `another process (${error.code})`)
    })
  })
}

async function listen(path: string, dataDir: string): Promise<Server> {
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.end(`process ${process.pid} on ${hostname()}`)
  })
  try {
    server.listen(path).unref()
    await once(server, 'listening')
    return server
  } catch (error) {
    throw unusable(dataDir, error)
  }
}

function close(server: Server): Promise<void> {
  return new Promise(closed => server.close(() => closed()))
}

function unusable(dataDir: string, error: unknown): DataDirError {
  const reason = error instanceof Error ? error.message : String(error)
  const remedy = 'set DATA_DIR to a folder that this user may write to, or set DATABASE_URL'
  return new DataDirError(`The data folder ${resolve(dataDir)} cannot be used (${reason}): ${remedy}.`)
}

/** The folder under a path that sockets can have, for as long as the path is needed. */
async function shortPath(dataDir: string): Promise<{ path: string; forget(): Promise<void> }> {
  const full = resolve(dataDir)
  if (Buffer.byteLength(full) <= LONGEST_FOLDER) return { path: full, forget: async () => {} }
  const place = await mkdtemp(join(tmpdir(), 'social-'))
  const path = join(place, 'data')
  await symlink(full, path)
  return { path, forget: () => rm(place, { recursive: true }) }
}
