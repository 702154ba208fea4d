import type { Address } from '../../src/domain/address.ts'
import { FRIENDSHIP_ACTIONS } from '../../src/domain/friendship.ts'
import type { Cluster } from '../env/cluster.ts'
import type { Device } from '../env/device.ts'
import { until } from '../env/until.ts'
import {
  checkHistory,
  checkLog,
  checkOperations,
  type Leniency,
  type Logged,
  type Operation,
  readLog
} from './history.ts'
import { pause, type Random } from './random.ts'

/** Between two tries to reach an instance, and between two actions of a user at most; in milliseconds. */
const RETRY_MS = 20
const PACE_MS = 10
/** One in so many actions is followed by a loss of the connection, where devices get lost at all. */
const LOSS_IN = 40

interface WorldOptions {
  readonly cluster: Cluster
  readonly random: Random
  /** Of each kind, v1 and v2. */
  readonly devicesOfEach: number
  /** Whether devices get lost by themselves too. */
  readonly losesDevices: boolean
}

/** Users who act, listen, and come back when they are lost, wherever there is an instance. */
export class World {
  readonly operations: Operation[] = []
  readonly devices: readonly Device[]
  readonly #options: WorldOptions
  readonly #listening: readonly Promise<void>[]
  #acting: readonly Promise<void>[] = []
  /** Nobody acts any more, and nobody comes back any more. */
  #isOver = false
  #isLeft = false
  #messages = 0

  private constructor(options: WorldOptions, devices: readonly Device[]) {
    this.#options = options
    this.devices = devices
    this.#listening = devices.map(device => this.#listen(device))
  }

  /** Resolves when everybody listens, and begins to act: updates before that are not sent. */
  static async start(options: WorldOptions): Promise<World> {
    const { cluster, devicesOfEach } = options
    const each = Array.from({ length: devicesOfEach }, () => [cluster.tokenDevice(), cluster.keyDevice()])
    const devices = await Promise.all(each.flat())
    const before = await streamsStarted(cluster)
    const world = new World(options, devices)
    await until(async () => (await streamsStarted(cluster)) >= before + devices.length, 'everybody listens')
    world.#acting = devices.map(device => world.#act(device))
    return world
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Actions that were acknowledged as done. */
  get acknowledged(): number {
    return this.operations.filter(({ outcome }) => outcome === 'acknowledged').length
  }

  /** Resolves when so many more actions are acknowledged. */
  async goesOn(actions: number): Promise<void> {
    const wanted = this.acknowledged + actions
    await until(() => this.acknowledged >= wanted, `${actions} more actions are acknowledged`)
  }

  /**
   * Ends what the users do, and waits until everybody has received everything.
   * @param faults resolves when everything that was broken is restored
   * @param leniency what a device may receive again
   * @returns what is wrong with the log, with what was acknowledged, and with what each device received
   */
  async end(faults: Promise<void> = Promise.resolve(), leniency: Leniency = { mayRepeat: true }): Promise<string[]> {
    this.#isOver = true
    await Promise.all([...this.#acting, faults])
    const { instances, databaseUrl } = this.#options.cluster
    const areWell = async (): Promise<boolean> =>
      (await Promise.all(instances.map(one => one.health('ready')))).every(Boolean)
    await until(areWell, 'all is well')
    let log: readonly Logged[] = []
    const violations = (): string[] => this.devices.flatMap(device => historyViolations(device, log, leniency))
    const isReceived = async (): Promise<boolean> => {
      log = await readLog(databaseUrl) // anew: what was in doubt may be done only now
      return violations().length === 0
    }
    await until(isReceived, 'everybody has received everything').catch(() => undefined)
    const all = [...checkLog(log), ...checkOperations(this.operations, log), ...violations()]
    this.#isLeft = true
    for (const device of this.devices) device.terminate()
    await Promise.all(this.#listening)
    return all
  }

  /** Keeps a device connected and listening, to one instance after the other, until the end. */
  async #listen(device: Device): Promise<void> {
    const { cluster, random } = this.#options
    while (!this.#isLeft) {
      try {
        await device.connect(cluster.instance(random(cluster.instances.length)).rpcUrl)
        await Promise.race([device.listen(), device.disconnected()])
      } catch {
        await pause(RETRY_MS) // the instance, or its database, is away: try another
      }
    }
  }

  /** Lets one user do one thing after the other. */
  async #act(device: Device): Promise<void> {
    const { random, losesDevices } = this.#options
    while (!this.#isOver) {
      const target = this.devices[random(this.devices.length)] as Device
      const action = FRIENDSHIP_ACTIONS[random(FRIENDSHIP_ACTIONS.length)] ?? 'request'
      if (target === device || !device.isConnected) {
        await pause(1)
        continue
      }
      const message = action === 'request' ? `m${this.#messages++}` : null
      const operation = { actor: device.address, target: target.address, action, message }
      const lost = device.disconnected().then(() => 'disconnected' as const)
      const answer = device.act(action, target.address, message ?? undefined).catch(() => 'disconnected' as const)
      this.operations.push({ ...operation, outcome: outcomeOf(await Promise.race([answer, lost])) })
      if (losesDevices && random(LOSS_IN) === 0) device.terminate()
      await pause(random(PACE_MS))
    }
  }
}

/** Streams of updates that were opened afresh on any instance. */
async function streamsStarted({ instances }: Cluster): Promise<number> {
  const series = 'dcl_social_service_rpc_streams_begun_total{beginning="fresh"}'
  const counts = await Promise.all(instances.map(one => one.metric(series)))
  return counts.reduce((sum, count) => sum + count, 0)
}

function outcomeOf(answer: string): Operation['outcome'] {
  if (answer === 'event') return 'acknowledged'
  return answer === 'disconnected' || answer === 'internalServerError' ? 'in doubt' : 'refused'
}

function historyViolations(device: Device, log: readonly Logged[], leniency: Leniency): string[] {
  const toDevice = log.filter(({ target }) => target === device.address)
  const others = new Set<Address>(toDevice.map(({ actor }) => actor))
  return [...others].flatMap(other => {
    const received = device.received.filter(entry => entry === 'disconnected' || entry.actor === other)
    const due = toDevice.filter(({ actor }) => actor === other)
    return checkHistory(received, due, leniency).map(violation => `${device.address.slice(0, 8)} ${violation}`)
  })
}
