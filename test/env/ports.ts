import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './lock.ts'

/**
 * Ports that most systems do not give to a process that asks for any: none of them is taken while the server that is to have
 * it starts. `fetch` refuses 10080 and many ports below 10000, which other systems do give away.
 */
const [FIRST_PORT, LAST_PORT] = [10_081, 32_000]
/** A file for each port that is taken, with the number of the process that took it. */
const RESERVED_PORTS = join(tmpdir(), 'social-service-ports')
const reserved = new Set<string>()

/** A TCP port on this machine that nobody listens on, and that is given to nobody else while this process lives. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + randomInt(LAST_PORT - FIRST_PORT)
    if (!reserve(port)) continue
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** Lets a server listen on a free port of this machine. @returns the port */
export async function listenOnFreePort(server: Server): Promise<number> {
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return port
}

/** Takes a port, among all processes that take one: a server that is not up yet, or is started again, has it too. */
function reserve(port: number): boolean {
  const path = join(RESERVED_PORTS, String(port))
  mkdirSync(RESERVED_PORTS, { recursive: true })
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
  } catch {
    if (!isAlive(holderOf(path))) rmSync(path, { force: true })
    return false
  }
  if (reserved.size === 0) process.once('exit', () => reserved.forEach(each => void rmSync(each, { force: true })))
  reserved.add(path)
  return true
}

/** @returns 0, which stands for somebody, when it cannot be read at this moment */
function holderOf(path: string): number {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return 0
  }
}
