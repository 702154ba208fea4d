import { connect, createServer, type Socket } from 'node:net'
import { createSocialClient } from '@dcl/social-rpc-client'
import { createWallet } from '../demo/wallet.ts'
import { listenOnFreePort } from '../test/env/ports.ts'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { seededUsers, seedRelations } from '../test/env/seed.ts'
import { finish, interruption } from './interruption.ts'
import { markdown } from './markdown.ts'
import { Service } from './processes.ts'

/*
 * Measures what small pages of a streamed list cost over a network with a delay: `npm run bench:pages`. See docs/benchmarks.md.
 */

/** Of each way, in milliseconds. */
const DELAY_MS = 100
const FRIENDS = 2_000
/** Of the first service, and the default of this one. */
const SETTINGS = [{ FRIENDS_STREAM_PAGE_SIZE: '20' }, {}]
/** Of so many lists the fastest is shown: what else the machine does can only add to it. */
const LISTS = 3

interface Measured {
  readonly elements: number
  readonly seconds: number
}

const signal = interruption()
process.exitCode = await finish(signal, main)

async function main(): Promise<void> {
  await using postgres = await PostgresServer.start({ durable: true })
  const databaseUrl = await createDatabase(postgres.url)
  const wallet = await createWallet()
  const measured: Measured[] = []
  for (const settings of SETTINGS) {
    await using service = await Service.start({ databaseUrl, settings, connections: 5, sockets: 10 })
    if (measured.length === 0) await seedRelations(databaseUrl, wallet.address, { friends: seededUsers(1, FRIENDS) })
    using far = await delayed(service.rpcUrl)
    const { httpUrl } = service
    const client = await createSocialClient(httpUrl, far.url, wallet.address, wallet.identity)
    measured.push(await fastest(() => client.getFriends()))
    client.disconnect()
  }
  console.log(`${FRIENDS} friends on v1, ${DELAY_MS} ms each way\n\n${table(measured)}`)
}

function table(measured: readonly Measured[]): string {
  const slowest = measured[0]?.seconds ?? 0
  const rows = measured.map(({ elements, seconds }) => [
    `${Math.ceil(FRIENDS / elements)} in an element`,
    String(elements),
    seconds.toFixed(2),
    `${(slowest / seconds).toFixed(1)}`
  ])
  return markdown([['friends', 'elements', 'seconds', 'times as fast'], ...rows])
}

async function fastest(list: () => AsyncIterable<readonly unknown[]>): Promise<Measured> {
  let best: Measured = { elements: 0, seconds: Number.POSITIVE_INFINITY }
  for (let count = 0; count < LISTS; count++) {
    signal.throwIfAborted()
    const from = performance.now()
    let [elements, friends] = [0, 0]
    for await (const page of list()) {
      elements += 1
      friends += page.length
    }
    if (friends !== FRIENDS) throw new Error(`${friends} friends came instead of ${FRIENDS}`)
    const seconds = (performance.now() - from) / 1000
    if (seconds < best.seconds) best = { elements, seconds }
  }
  return best
}

/** A way to a server on which everything takes the delay longer, and as much may be under way as wants to be. */
async function delayed(target: string): Promise<{ url: string } & Disposable> {
  const { hostname, port } = new URL(target)
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, near => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true })
    for (const [from, to] of [[near, far] as const, [far, near] as const]) {
      sockets.push(from)
      from.on('error', () => {})
      from.on('data', data => void setTimeout(() => to.write(data), DELAY_MS))
      from.on('close', () => to.destroy())
    }
  })
  const url = `ws://127.0.0.1:${await listenOnFreePort(server)}`
  return {
    url,
    [Symbol.dispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
