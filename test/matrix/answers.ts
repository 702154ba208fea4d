import { createServer, type RequestListener, type Server } from 'node:http'
import { afterEach, expect } from 'vitest'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import { HomeserverClient, type HomeserverOptions } from '../../src/matrix/client/client.ts'
import { HomeserverError } from '../../src/matrix/client/errors.ts'
import { paced } from '../env/pace.ts'
import { listenOnFreePort } from '../env/ports.ts'

export const ALICE = parseAddress(`0x${'a'.repeat(40)}`) as Address
export const AS_TOKEN = 'as-secret'
export const USER_TOKEN = 'user-secret'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

/** Something on a port of its own that answers in this way, in place of a homeserver. It ends with the test. */
export async function listen(answer: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(answer)
  const port = await listenOnFreePort(server)
  opened.push(
    () => server.close(),
    () => server.closeAllConnections()
  )
  return { server, url: `http://127.0.0.1:${port}` }
}

/** A client that ends with the test. */
export function clientOf(url: string, options: Partial<HomeserverOptions> = {}): HomeserverClient {
  const settings = {
    url,
    asToken: AS_TOKEN,
    serverName: 'localhost',
    timeoutMs: paced(5_000),
    connections: 2,
    ...options
  }
  const client = new HomeserverClient(settings)
  opened.push(() => client.close())
  return client
}

export async function failureOf(call: Promise<unknown>): Promise<HomeserverError> {
  const error: unknown = await call.then(
    () => null,
    (error: unknown) => error
  )
  expect(error).toBeInstanceOf(HomeserverError)
  return error as HomeserverError
}

/** What a call comes to when it is answered like this. */
export async function failureWhen(
  answer: RequestListener,
  options?: Partial<HomeserverOptions>
): Promise<HomeserverError> {
  const { url } = await listen(answer)
  return failureOf(clientOf(url, options).as(ALICE).getAccountData('m.direct'))
}

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
