import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { listenOnFreePort } from '../env/ports.ts'

interface RpcRequest {
  id: number
  method: string
  params: unknown[]
}

/** What a node does with one `eth_call`: the JSON-RPC part of its answer, or any answer that it writes itself. */
export type OnCall = (call: { to: string; hash: string; signature: string }, response: ServerResponse) => object | null

export interface EthereumNode extends AsyncDisposable {
  readonly url: string
  /** The methods that were called, in their order. */
  readonly calls: string[]
}

/** A JSON-RPC node over HTTP whose contracts answer as `onCall` says. */
export async function startEthereumNode(onCall: OnCall): Promise<EthereumNode> {
  const calls: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { id, method, params } = (await json(request)) as RpcRequest
    calls.push(method)
    const part = method === 'eth_call' ? onCall(readCall(params), response) : chainState(method, params)
    if (part) response.end(JSON.stringify({ jsonrpc: '2.0', id, ...part }))
  }
  const server = createServer((request, response) => void answer(request, response))
  const port = await listenOnFreePort(server)
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

/** Unpacks `isValidSignature(bytes32 hash, bytes signature)`: a selector, then words of 32 bytes. */
function readCall([call]: unknown[]): { to: string; hash: string; signature: string } {
  const { to, data } = call as { to: string; data: string }
  if (!data.startsWith('0x1626ba7e')) throw new Error(`unexpected call ${data.slice(0, 10)}`)
  const words = data.slice(10)
  const length = Number.parseInt(words.slice(128, 192), 16)
  return { to, hash: words.slice(0, 64), signature: words.slice(192, 192 + length * 2) }
}

/** Ten blocks, twelve seconds apart, of which the last one is now. */
function chainState(method: string, [block]: unknown[]): object {
  const latest = 10
  if (method === 'eth_blockNumber') return { result: `0x${latest.toString(16)}` }
  const number = block === 'latest' ? latest : Number(block)
  const timestamp = Math.floor(Date.now() / 1_000) - (latest - number) * 12
  return { result: { number: `0x${number.toString(16)}`, timestamp: `0x${timestamp.toString(16)}` } }
}
