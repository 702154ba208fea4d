import { join } from 'node:path'
import { Redis } from 'ioredis'
import { slotOf } from '../../src/cluster/slot-map.ts'
import { type Folder, freshFolder } from './databases.ts'
import { freePort } from './ports.ts'
import { RedisServer } from './redis.ts'
import { until } from './until.ts'

const MASTERS = 3
const SLOTS = 16_384

/** One server of a cluster. */
interface Node {
  readonly server: RedisServer
  readonly admin: Redis
  readonly id: string
}

/** A Redis Cluster of its own: three masters that share the slots evenly. No master takes the place of another by itself. */
export class RedisCluster implements AsyncDisposable {
  readonly #folder: Folder
  readonly #nodes: Node[] = []

  private constructor(folder: Folder) {
    this.#folder = folder
  }

  static async start(): Promise<RedisCluster> {
    const cluster = new RedisCluster(await freshFolder())
    for (let count = 0; count < MASTERS; count += 1) await cluster.#add()
    const ranges = cluster.#nodes.map((_, at) => [
      Math.ceil((at * SLOTS) / MASTERS),
      Math.ceil(((at + 1) * SLOTS) / MASTERS) - 1
    ])
    for (const [at, { admin }] of cluster.#nodes.entries()) {
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', ...(ranges[at] ?? []))
    }
    await cluster.#isSettled()
    return cluster
  }

  /** The URL of one node, which is enough. */
  get url(): string {
    return this.#nodes[0]?.server.url ?? ''
  }

  /** The URL that names all nodes. */
  get urlOfAll(): string {
    return `redis://${this.#nodes.map(({ server }) => new URL(server.url).host).join()}`
  }

  /** The server whose slots have that of a topic or a key. */
  serverOf(key: string): RedisServer {
    return this.#masterOf(key).server
  }

  /** Adds a replica of the server whose slots have that of a key. @returns what makes it the master, also without the old one */
  async addReplica(key: string): Promise<() => Promise<void>> {
    const master = this.#masterOf(key)
    const replica = await this.#add()
    await until(async () => {
      const answer = await replica.admin.cluster('REPLICATE', master.id).catch(String)
      return answer === 'OK'
    }, 'the replica knows its master')
    await until(async () => (await replica.admin.info('replication')).includes('master_link_status:up'), 'it follows')
    return async () => void (await replica.admin.call('CLUSTER', 'FAILOVER', 'TAKEOVER'))
  }

  /** Gives the slot of a key to the next master. */
  async moveSlot(key: string): Promise<void> {
    const from = this.#masterOf(key)
    const to = this.#nodes[(this.#nodes.indexOf(from) + 1) % MASTERS]!
    const slot = slotOf(key)
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
    for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { admin, server } of this.#nodes) {
      admin.disconnect()
      server.thaw()
      await server[Symbol.asyncDispose]()
    }
    await this.#folder[Symbol.asyncDispose]()
  }

  #masterOf(key: string): Node {
    return this.#nodes[Math.floor((slotOf(key) * MASTERS) / SLOTS)]!
  }

  async #add(): Promise<Node> {
    const busPort = await freePort()
    const config = join(this.#folder.path, `node-${this.#nodes.length}.conf`)
    const settings = ['--cluster-enabled', 'yes', '--cluster-config-file', config, '--cluster-port', String(busPort)]
    // A busy machine is slow to answer, which is not to be taken for a failure.
    const server = await RedisServer.start(...settings, '--cluster-node-timeout', '60000', '--dir', this.#folder.path)
    const admin = new Redis(server.url)
    admin.on('error', () => {})
    const node = { server, admin, id: await admin.cluster('MYID') }
    const [first] = this.#nodes
    this.#nodes.push(node)
    if (first) await first.admin.call('CLUSTER', 'MEET', '127.0.0.1', new URL(server.url).port, busPort)
    return node
  }

  /** Every node knows of all, and who serves what. */
  async #isSettled(): Promise<void> {
    await until(async () => {
      const infos = await Promise.all(this.#nodes.map(({ admin }) => admin.cluster('INFO')))
      const count = `cluster_known_nodes:${this.#nodes.length}`
      return infos.every(info => String(info).includes('cluster_state:ok') && String(info).includes(count))
    }, 'the cluster is there')
  }
}
