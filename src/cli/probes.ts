import { resolve } from 'node:path'
import { EthereumProvider } from '../auth/ethereum-provider.ts'
import { redisReason } from '../cluster/redis.ts'
import { tryRedis } from '../cluster/redis-check.ts'
import type { Config } from '../config/config.ts'
import { parseAddress } from '../domain/address.ts'
import { HomeserverClient } from '../matrix/client/client.ts'
import { lookAtHomeserver } from '../matrix/client/homeserver-check.ts'
import { Catalyst } from '../profiles/catalyst.ts'
import { tryNats } from '../world/nats-connection.ts'
import { natsReason } from '../world/nats-reason.ts'
import { subjectOf, WORLD_EVENTS } from '../world/world-events.ts'
import { checkDatabase, checkReplicas } from './database-check.ts'
import { gatekeeper, sns } from './neighbour-probes.ts'
import { failureOf } from './reasons.ts'

/** Tries a service that the configuration names. */
interface Probe {
  readonly name: string
  /**
   * @returns what was found, or null when the service is not configured
   * @throws Error that says what is wrong in one line
   */
  readonly run: (config: Config) => Promise<string | null>
}

export const PROBES: readonly Probe[] = [
  { name: 'Database', run: database },
  { name: 'Read replicas', run: replicas },
  { name: 'Redis', run: redis },
  { name: 'NATS', run: nats },
  { name: 'Homeserver', run: homeserver },
  { name: 'Catalyst', run: catalyst },
  { name: 'Ethereum', run: ethereum },
  { name: 'Webhooks', run: webhooks },
  { name: 'SNS', run: sns },
  { name: 'comms-gatekeeper', run: gatekeeper }
]

/** The networks on which each world has its wallets. */
const CHAINS: Readonly<Record<Config['environment'], number | null>> = { local: null, zone: 11_155_111, org: 1 }

async function database(config: Config): Promise<string> {
  const facts = await checkDatabase(config)
  if (facts === null) return `embedded in ${resolve(config.dataDir)}`
  return `PostgreSQL ${facts.version}, database ${facts.database}`
}

async function replicas(config: Config): Promise<string | null> {
  const hosts = await checkReplicas(config)
  return hosts && `standby of this database: ${hosts.join(', ')}`
}

async function redis({ redisUrl, serverName }: Config): Promise<string | null> {
  if (redisUrl === null) return null
  try {
    const masters = await tryRedis(redisUrl, `social-service:${serverName}`)
    return `${masters > 1 ? `a cluster of ${masters}: ` : ''}counts, publishes and subscribes`
  } catch (error) {
    throw new Error(redisReason(error))
  }
}

async function nats({ presence }: Config): Promise<string | null> {
  if (presence.nats === null) return null
  try {
    await tryNats(presence.nats, WORLD_EVENTS.map(subjectOf))
    return 'listens to the peers of the world'
  } catch (error) {
    throw new Error(natsReason(error))
  }
}

async function homeserver({ matrix, serverName }: Config): Promise<string | null> {
  if (matrix === null) return null
  const { homeserverUrl: url, timeoutMs } = matrix
  const client = new HomeserverClient({ url, timeoutMs, connections: 1, serverName, asToken: null })
  try {
    const { problem, userId } = await lookAtHomeserver(client, matrix)
    if (problem !== null) throw new Error(problem)
    return userId === null ? 'answers' : `answers, and knows this service as ${userId}`
  } finally {
    await client.close()
  }
}

async function catalyst({ catalyst: options }: Config): Promise<string | null> {
  if (options === null) return null
  const client = new Catalyst(options)
  const nobody = parseAddress(`0x${'0'.repeat(40)}`)
  try {
    await client.profiles(nobody ? [nobody] : [])
    return 'answers'
  } catch (error) {
    return unreachable('The Catalyst', 'CATALYST_URL', error)
  } finally {
    await client.close()
  }
}

async function ethereum({ ethereum: options, environment }: Config): Promise<string | null> {
  if (options === null) return null
  const provider = new EthereumProvider(options.rpcUrl, options.timeoutMs)
  const answer = await new Promise<{ result?: unknown }>((done, fail) => {
    provider.sendAsync({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }, (error, it) => {
      if (error) fail(error)
      else done(it as { result?: unknown })
    })
  }).catch(error => unreachable('The Ethereum node', 'ETHEREUM_RPC_URL', error))
  const chain = Number(answer.result)
  if (!Number.isInteger(chain)) throw new Error('What ETHEREUM_RPC_URL leads to does not know its chain')
  const wanted = CHAINS[environment]
  if (wanted !== null && chain !== wanted) {
    throw new Error(`ETHEREUM_RPC_URL is of chain ${chain}, but ENVIRONMENT ${environment} needs chain ${wanted}`)
  }
  return `answers, of chain ${chain}`
}

/** Whether somebody answers, whatever that is: there is no webhook that means nothing. */
async function webhooks({ webhooks: { receivers, timeoutMs } }: Config): Promise<string | null> {
  if (receivers.length === 0) return null
  const ask = async ({ name, url }: (typeof receivers)[number]): Promise<void> => {
    const options = { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) } as const
    await fetch(url, options).catch(error => unreachable(`The webhook ${name}`, 'WEBHOOKS', error))
  }
  await Promise.all(receivers.map(ask))
  return `somebody answers at ${receivers.map(({ name }) => name).join(', ')}`
}

function unreachable(what: string, setting: string, error: unknown): never {
  const { code, message } = failureOf(error)
  throw new Error(`${what} does not answer as one: is ${setting} right? (${code === '' ? message : code})`)
}
