import type { IncomingMessage } from 'node:http'
import { parseJson } from '../../lib/json.ts'
import type { JsonObject } from '../client/http.ts'
import { MatrixError } from '../client/matrix-error.ts'

/**
 * The body of a request as it comes, up to `limit` bytes.
 * @throws MatrixError `M_TOO_LARGE`, at once when the client announces more
 */
export function passingBody(message: IncomingMessage, limit: number): AsyncIterable<Buffer> {
  if (Number(message.headers['content-length'] ?? 0) > limit) throw tooLarge()
  return bounded(message, limit)
}

/** As {@link passingBody}, in one piece. */
export async function readBody(message: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of passingBody(message, limit)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/**
 * The body of a request, which must be a JSON object; empty is as good as `{}`.
 * @throws MatrixError `M_TOO_LARGE`, `M_NOT_JSON`, `M_BAD_JSON`
 */
export async function readJson(message: IncomingMessage, limit: number): Promise<JsonObject> {
  const body = await readBody(message, limit)
  const value = body.length === 0 ? {} : parsed(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MatrixError(400, 'M_BAD_JSON', 'The body must be an object')
  }
  return value as JsonObject
}

async function* bounded(message: IncomingMessage, limit: number): AsyncGenerator<Buffer> {
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw tooLarge()
    yield chunk
  }
}

function parsed(body: Buffer): unknown {
  try {
    return parseJson(body)
  } catch {
    throw new MatrixError(400, 'M_NOT_JSON', 'The body is not JSON')
  }
}

function tooLarge(): MatrixError {
  return new MatrixError(413, 'M_TOO_LARGE', 'The body is too large')
}
