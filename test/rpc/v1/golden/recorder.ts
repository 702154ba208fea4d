import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createSocialClient } from '@dcl/social-rpc-client'
import { WebSocket, WebSocketServer } from 'ws'
import type { Env, V1Client } from '../../../env/app.ts'
import { replaced, type Step, tokenMask } from './session.ts'
import { NAMES, type Name, walletOf } from './wallets.ts'

/** 256 bits in base64url: nothing else that a client sends has so many of these characters in a row. */
const TOKEN = /[\w-]{43}/

/** One user of the scenario. */
interface Player {
  readonly address: string
  readonly client: V1Client
  /** Opens the stream of updates. @returns what waits for the next one and takes it out */
  subscribe(): Promise<() => Promise<void>>
}

export type Scenario = (players: Record<Name, Player>, remark: (text: string) => void) => Promise<void>

/** Plays a scenario with the published client, and records all frames that pass. */
export async function record(env: Env, loggedIn: () => void, scenario: Scenario): Promise<Step[]> {
  const steps: Step[] = []
  const relay = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(relay, 'listening')
  const url = `ws://127.0.0.1:${(relay.address() as AddressInfo).port}`
  let connecting: Name = 'alice'
  relay.on('connection', client => join(client, new WebSocket(env.app.rpcUrl), connecting, steps))

  const players: Partial<Record<Name, Player>> = {}
  for (const name of NAMES) {
    connecting = name
    const { address, identity } = await walletOf(name)
    const client = await createSocialClient(env.app.httpUrl, url, address, identity)
    const subscribe = async () => {
      const updates = client.subscribeToFriendshipRequests()
      const listen = () => {
        const update = updates.next()
        // The last one never comes: the socket is closed instead.
        update.catch(() => undefined)
        return update
      }
      let next = await env.opened(address, () => ({ update: listen() }))
      steps.push({ who: name, kind: 'is subscribed' })
      return async () => {
        await next.update
        next = { update: listen() }
      }
    }
    players[name] = { address, client, subscribe }
  }
  loggedIn()
  await scenario(players as Record<Name, Player>, text => steps.push({ kind: 'remark', text }))
  for (const client of relay.clients) client.terminate()
  relay.close()
  return steps
}

/** Passes every frame on, once it is written down. */
function join(client: WebSocket, server: WebSocket, who: Name, steps: Step[]): void {
  let token: Buffer | undefined
  const opened = once(server, 'open')
  client.on('message', async (frame: Buffer) => {
    await opened
    const found = TOKEN.exec(frame.toString('latin1'))
    if (found) token ??= Buffer.from(found[0], 'latin1')
    const bytes = token ? replaced(frame, token, tokenMask(who)) : frame
    steps.push({ who, kind: 'sends', bytes })
    server.send(frame)
  })
  server.on('message', (bytes: Buffer) => {
    steps.push({ who, kind: 'gets', bytes })
    client.send(bytes)
  })
  client.on('close', () => server.terminate())
}
