import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenOnFreePort } from '../env/ports.ts'

/** A call as it came. */
interface Received {
  readonly line: string
  readonly authorization: string | undefined
  readonly type: string | undefined
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly body?: object
  readonly headers?: Record<string, string>
}

export interface Gatekeeper extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** What it answers; null leaves the call without one. */
  answer: Answer | null
}

/**
 * comms-gatekeeper, as far as it is told of privacy: decentraland/comms-gatekeeper at 0a7c4995, src/controllers/routes.ts and
 * src/controllers/handlers/private-messages/patch-user-metadata-handler.ts.
 */
export async function startGatekeeper(): Promise<Gatekeeper> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const { method, url, headers } = request
    const { authorization, 'content-type': type } = headers
    received.push({ line: `${method} ${url}`, authorization, type, body: await text(request) })
    const { answer } = gatekeeper
    if (answer) response.writeHead(answer.status, answer.headers).end(answer.body && JSON.stringify(answer.body))
  })
  const gatekeeper: Gatekeeper = {
    url: `http://127.0.0.1:${await listenOnFreePort(server)}`,
    received,
    answer: { status: 204 },
    async [Symbol.asyncDispose]() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    }
  }
  return gatekeeper
}
