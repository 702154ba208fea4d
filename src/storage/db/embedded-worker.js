import { existsSync, fdatasyncSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'

/** @typedef {import('node:worker_threads').MessagePort} MessagePort */

/**
 * @typedef {object} Settings
 * @property {string} dataDir
 * @property {number} vacuumMs
 */

const START_PARAMS = [
  // PGlite runs without fsync (-F), and the file system of Emscripten has none: `durably` gives back what is missing, so
  // that what was acknowledged survives not only the process but the machine.
  ...PGlite.defaultStartParams.filter(param => param !== '-F'),
  '-c',
  'wal_sync_method=fsync',
  // The pages are in the cache of the operating system too.
  '-c',
  'shared_buffers=32MB'
]

/** @param {string} dataDir */
async function open(dataDir) {
  const home = join(dataDir, 'postgres')
  if (!existsSync(home)) await initialize(home)
  return durably(await PGlite.create({ dataDir: home, startParams: START_PARAMS }))
}

/**
 * Under another name until it is complete: a process may be killed at any time.
 * @param {string} home
 */
async function initialize(home) {
  const draft = `${home}.new`
  rmSync(draft, { recursive: true, force: true })
  const engine = await PGlite.create({ dataDir: draft })
  await engine.close()
  renameSync(draft, home)
}

/** @param {PGlite} engine */
function durably(engine) {
  engine.Module.FS.filesystems.NODEFS.stream_ops.fsync = (/** @type {{ nfd?: number }} */ { nfd }) => {
    if (nfd !== undefined) fdatasyncSync(nfd)
    return 0
  }
  return engine
}

/**
 * @param {PGlite} engine
 * @param {Uint8Array} messages whole ones of the PostgreSQL protocol
 * @returns {Promise<Uint8Array[]>} everything that the engine answers
 */
async function execute(engine, messages) {
  /** @type {Uint8Array[]} */
  const chunks = []
  // The other ways of PGlite to run messages keep every answer in memory.
  await engine.execProtocolRawStream(messages, { syncToFs: false, onRawData: chunk => chunks.push(chunk.slice()) })
  return chunks
}

/** @param {string} text */
function simpleQuery(text) {
  const message = Buffer.from(`Q\0\0\0\0${text}\0`)
  message.writeInt32BE(message.length - 1, 1)
  return message
}

/**
 * Makes `port` the session: nothing of the one before is left, be it a transaction or a prepared statement.
 * @param {PGlite} engine
 * @param {MessagePort} port
 */
function serve(engine, port) {
  /** @param {Uint8Array[]} chunks */
  const send = chunks =>
    port.postMessage(
      chunks,
      chunks.map(({ buffer }) => /** @type {ArrayBuffer} */ (buffer))
    )
  port.once('message', async startup => {
    const greeting = await execute(engine, startup)
    for (const text of ['rollback', 'discard all']) await execute(engine, simpleQuery(text))
    port.on('message', async messages => send(await execute(engine, messages)))
    send(greeting)
  })
}

const { dataDir, vacuumMs } = /** @type {Settings} */ (workerData)
const engine = await open(dataDir)
/** @type {MessagePort | undefined} */
let session
parentPort?.on('message', async message => {
  session?.close()
  if (message === 'close') {
    clearInterval(vacuuming)
    await engine.close()
    parentPort?.close()
  } else {
    session = message
    serve(engine, message)
  }
})
// There is no autovacuum in an engine without other processes.
const vacuuming = setInterval(() => {
  if (!engine.isInTransaction()) execute(engine, simpleQuery('vacuum (analyze)'))
}, vacuumMs)
parentPort?.postMessage('open')
