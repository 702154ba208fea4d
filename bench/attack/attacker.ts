import { ATTACKS } from './attacks.ts'

/** What the attacker is told to do. */
export interface Order {
  readonly attack: string
  readonly http: string
  readonly rpc: string
}

/*
 * One attack, in a process of its own: it begins when it is ordered, and ends with the process that gave the order, or
 * after a minute in any case.
 */

const LONGEST_MS = 60_000

process.once('message', (order: Order) => {
  const attack = ATTACKS.find(({ name }) => name === order.attack)
  if (!attack) throw new Error(`There is no attack ${order.attack}`)
  const place = (url: string): { host: string; port: number } => {
    const { hostname, port } = new URL(url)
    return { host: hostname, port: Number(port) }
  }
  const onConnection = (): void => void process.send?.('begun')
  const target = {
    http: place(order.http),
    rpc: place(order.rpc),
    onConnection,
    signal: AbortSignal.timeout(LONGEST_MS)
  }
  attack.run(target).finally(() => process.exit(0))
})
process.once('disconnect', () => process.exit(0))
