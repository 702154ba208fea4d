import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { SinkError } from '../../src/notifications/sink.ts'
import { SnsSink } from '../../src/notifications/sns-sink.ts'
import { unknownProfile } from '../../src/profiles/profile.ts'
import { describeWithMoto, Moto } from '../env/moto.ts'
import { paced } from '../env/pace.ts'
import { listenOnFreePort } from '../env/ports.ts'
import { known, profilesEnv } from '../profiles/env.ts'
import { accepted, attributesOf, requested, textOfAcceptance, textOfRequest } from './events.ts'

const TOPIC = 'arn:aws:sns:us-east-1:123456789012:events'
const env = profilesEnv()
const opened: (() => unknown)[] = []

const patience = (): AbortSignal => AbortSignal.timeout(paced(30_000))

function openSink(endpoint: string, topicArn = TOPIC): SnsSink {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test', sessionToken: null }
  const sink = new SnsSink({ profiles: env.open() }, { topicArn, region: 'us-east-1', endpoint, credentials })
  opened.push(() => sink.close())
  return sink
}

afterEach(async () => {
  for (const close of opened.splice(0)) await close()
})

describeWithMoto('the sink for SNS', () => {
  let moto: Moto

  beforeAll(async () => {
    moto = await Moto.start()
  })
  afterAll(() => moto.kill())

  it('publishes the bytes and the attributes that the service before published', async () => {
    const topic = await moto.createTopic('bytes')
    const queue = await moto.subscribe(topic, 'bytes')
    const sink = openSink(moto.url, topic)
    await sink.send(requested, patience())
    await sink.send(accepted, patience())
    expect(await queue.messages()).toEqual([
      { topicArn: topic, text: textOfRequest(requested, known), attributes: attributesOf('friendship-request') },
      { topicArn: topic, text: textOfAcceptance(accepted, known), attributes: attributesOf('friendship-accepted') }
    ])
  })

  it('publishes also when nobody has a profile', async () => {
    const topic = await moto.createTopic('bare')
    const queue = await moto.subscribe(topic, 'bare')
    env.catalyst.onCall = () => []
    await openSink(moto.url, topic).send(requested, patience())
    expect((await queue.messages()).map(({ text }) => text)).toEqual([textOfRequest(requested, unknownProfile)])
  })

  it('sees whether the topic is there, and publishes nothing by it', async () => {
    const topic = await moto.createTopic('seen')
    const queue = await moto.subscribe(topic, 'seen')
    expect(await openSink(moto.url, topic).look(patience())).toBe(true)
    await expect(openSink(moto.url, `${TOPIC}-none`).look(patience())).rejects.toThrow('SNS answers 404')
    expect(await queue.messages()).toEqual([])
  })

  it('takes a topic that is not there for a sink that is away', async () => {
    expect(await failureOf(openSink(moto.url, `${TOPIC}-none`))).toEqual({
      retry: 'away',
      said: 'SNS answers 404: NotFoundException'
    })
  })
})

describe('what SNS answers', () => {
  it.each([
    [400, 'InvalidParameter', 'Invalid parameter: Message too long', 'never'],
    [400, 'InvalidParameter', 'Invalid parameter: TopicArn Reason: no topic', 'away'],
    [400, 'Throttling', 'Rate exceeded', 'away'],
    [400, 'KMSDisabled', 'The key is disabled', 'away'],
    [400, 'SomethingNew', 'Never seen', 'later'],
    [403, 'AuthorizationError', 'Not allowed', 'away'],
    [403, 'InvalidClientTokenId', 'No such key', 'away'],
    [500, 'InternalError', 'Sorry', 'away'],
    [503, 'ServiceUnavailable', 'Sorry', 'away']
  ])('as %i %s (%s) is tried again: %s', async (status, code, message, retry) => {
    const calls = { count: 0 }
    const failure = await failureOf(openSink(await refusing(status, { code, message }, () => (calls.count += 1))))
    expect(failure.retry).toBe(retry)
    expect(failure.said).toContain(`SNS answers ${status}: ${code}`)
    expect(failure.said).not.toContain(message)
    expect(calls.count).toBe(1)
  })

  it('may be that a user who publishes cannot see the topic', async () => {
    const url = await refusing(403, { code: 'AuthorizationError', message: 'Not allowed' })
    expect(await openSink(url).look(patience())).toBe(null)
    const unknown = await refusing(403, { code: 'InvalidClientTokenId', message: 'No such key' })
    await expect(openSink(unknown).look(patience())).rejects.toThrow('SNS answers 403')
  })

  it('is awaited as long as the signal says', async () => {
    const server = createServer(() => undefined)
    const sink = openSink(await urlOf(server))
    expect(await failureOf(sink, AbortSignal.timeout(50))).toMatchObject({ retry: 'away' })
  })

  it('may be nothing, because nobody listens', async () => {
    const server = createServer()
    const url = await urlOf(server)
    await new Promise(resolve => server.close(resolve))
    expect(await failureOf(openSink(url))).toEqual({ retry: 'away', said: 'SNS does not answer: ECONNREFUSED' })
  })
})

/** What refuses every call. */
async function refusing(
  status: number,
  { code, message }: { code: string; message: string },
  onCall: () => void = () => undefined
): Promise<string> {
  const error = `<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
  const server = createServer((_, response) => {
    onCall()
    response.writeHead(status, { 'content-type': 'text/xml' }).end(error)
  })
  return urlOf(server)
}

async function urlOf(server: Server): Promise<string> {
  opened.push(
    () => server.closeAllConnections(),
    () => server.close()
  )
  return `http://127.0.0.1:${await listenOnFreePort(server)}`
}

async function failureOf(sink: SnsSink, signal = patience()): Promise<{ retry: string; said: string }> {
  const error = await sink.send(requested, signal).catch((thrown: unknown) => thrown)
  if (!(error instanceof SinkError)) throw new Error(`Not a SinkError: ${error}`)
  return { retry: error.retry, said: error.message }
}
