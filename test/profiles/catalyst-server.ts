import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { listenOnFreePort } from '../env/ports.ts'

/** What a Catalyst answers to one call: the JSON, or nothing when it writes the answer itself or leaves it out. */
export type OnCall = (ids: string[], response: ServerResponse) => unknown

export interface CatalystServer extends AsyncDisposable {
  readonly url: string
  /** The ids of each call, in the order of the calls. */
  readonly calls: string[][]
  /** Calls that were cut off before their answer was whole. */
  readonly cutOff: number
  /** The largest number of calls that were under way together. */
  readonly mostAtOnce: number
  onCall: OnCall
}

/** A Catalyst over HTTP; at first one that knows everybody. */
export async function startCatalyst(): Promise<CatalystServer> {
  const calls: string[][] = []
  let cutOff = 0
  let atOnce = 0
  let mostAtOnce = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    atOnce += 1
    mostAtOnce = Math.max(mostAtOnce, atOnce)
    response.on('close', () => {
      atOnce -= 1
      if (!response.writableFinished) cutOff += 1
    })
    // It may be from a test that looks for a server of its own on this port.
    if (`${request.method} ${request.url}` !== 'POST /lambdas/profiles') return void response.writeHead(404).end()
    const { ids } = (await json(request)) as { ids: string[] }
    calls.push(ids)
    const profiles = catalyst.onCall(ids, response)
    if (profiles !== undefined) response.end(JSON.stringify(profiles))
  }
  const server = createServer((request, response) => void answer(request, response))
  const port = await listenOnFreePort(server)
  const catalyst: CatalystServer = {
    url: `http://127.0.0.1:${port}`,
    calls,
    onCall: ids => ids.map(id => catalystProfile(id)),
    get cutOff() {
      return cutOff
    },
    get mostAtOnce() {
      return mostAtOnce
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
  return catalyst
}

/** A profile as a Catalyst answers it, with some parts of its avatar put in place of the usual ones. */
export function catalystProfile(id: string, parts: object = {}): object {
  return {
    timestamp: 1_700_000_000_000,
    avatars: [
      {
        userId: id,
        ethAddress: id,
        name: nameOf(id),
        hasClaimedName: true,
        nameColor: NAME_COLOR,
        description: 'somebody',
        avatar: {
          bodyShape: 'urn:decentraland:off-chain:base-avatars:BaseMale',
          snapshots: { face256: pictureOf(id) }
        },
        ...parts
      }
    ]
  }
}

/** A whole answer, as it goes over the wire. */
export const profilesText = (ids: string[]): string => JSON.stringify(ids.map(id => catalystProfile(id)))

/** Numbers that have a float of 32 bits of their own, as they go over the wire. */
export const NAME_COLOR = { r: 0.5, g: 0.25, b: 1 }
export const nameOf = (id: string): string => `user ${id.slice(-6)}`
export const pictureOf = (id: string): string => `https://pictures.example/${id}/face.png`
