import { Readable } from 'node:stream'
import { SocialError } from '../../domain/errors.ts'
import { CONTENT } from '../client/answers.ts'
import type { JsonObject } from '../client/http.ts'
import { answerHeaders } from './headers.ts'
import { filterJson, type JsonFilter } from './json-filter.ts'
import type { Route } from './route.ts'
import type { UpstreamAnswer } from './upstream.ts'

/** What the client is answered. */
export interface ForwardResult {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Readable | JsonObject
}

/** Longest answer that is read as a whole. */
const MAX_READ_BYTES = 64 * 1024

/** Whether it is not from something on the way, such as the error page of a load balancer. */
export function isFromHomeserver({ status, headers }: UpstreamAnswer, { answer }: Route): boolean {
  if (status === 304 || (answer === 'media' && status >= 200 && status < 300)) return true
  return /^application\/json\b/i.test(String(headers['content-type']))
}

/** The answer, as the filter leaves it. @throws SocialError when the filter, or the answer, cannot be had */
export async function filtered(
  answer: UpstreamAnswer,
  responseFilter: () => JsonFilter | Promise<JsonFilter>
): Promise<ForwardResult> {
  try {
    const { 'content-length': _, etag: __, ...headers } = answerHeaders(answer.headers)
    if (headers['content-encoding'] !== undefined) throw noAnswer()
    const filter = await responseFilter()
    return {
      status: answer.status,
      headers,
      body: Readable.from(filterJson(answer.body, filter), { objectMode: false })
    }
  } catch (error) {
    await discard(answer)
    throw error
  }
}

/** The answer as the rule has it. */
export async function transformed(
  answer: UpstreamAnswer,
  transform: (answer: JsonObject) => JsonObject
): Promise<ForwardResult> {
  return { status: answer.status, headers: {}, body: transform(await readAnswer(answer)) }
}

/** A refusal as it came, of which the rule knows the reason. */
export async function refused(answer: UpstreamAnswer, onRefusal: (errcode: unknown) => void): Promise<ForwardResult> {
  const { 'content-length': _, ...headers } = answerHeaders(answer.headers)
  const body = await readAnswer(answer)
  onRefusal(body['errcode'])
  return { status: answer.status, headers, body }
}

/** The JSON of an answer that is to be read. */
async function readAnswer({ body }: UpstreamAnswer): Promise<JsonObject> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_READ_BYTES) throw noAnswer()
      chunks.push(chunk)
    }
    return CONTENT.parse(JSON.parse(Buffer.concat(chunks).toString()))
  } catch {
    throw noAnswer()
  }
}

/** Lets the connection be used again, if what is left to read is not much. */
export async function discard({ body }: UpstreamAnswer): Promise<void> {
  await body.dump().catch(() => undefined)
}

export function noAnswer(): SocialError {
  return new SocialError('unavailable', 'The homeserver does not answer, try again')
}
