import { fileURLToPath } from 'node:url'
import { describe } from 'vitest'
import { paced } from './pace.ts'
import { freePort } from './ports.ts'
import { ensurePython, pythonIn } from './python.ts'
import { findProgram, ServerProcess, TestServer } from './server-process.ts'

const REQUIREMENTS = fileURLToPath(new URL('moto-requirements.txt', import.meta.url))
const BANNER = '!'.repeat(100)

/** What starts what stands for AWS, or null where there is none: which in CI is an error. */
const command = await ensureMoto()

/** As `describe`; skipped, which is said aloud, where there is no moto and none can be installed. */
export const describeWithMoto = describe.skipIf(command === null)

/** Any are good for it. */
export const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }

const REGION = 'us-east-1'

/** A message of SNS as a queue that subscribed gets it. */
export interface SnsMessage {
  readonly topicArn: string
  /** As it was published. */
  readonly text: string
  /** Type and value of each attribute. */
  readonly attributes: Readonly<Record<string, { readonly Type: string; readonly Value: string }>>
}

/** AWS, as far as a test needs it: it forgets everything when it ends. */
export class Moto extends TestServer implements AsyncDisposable {
  readonly url: string

  private constructor(url: string, process: ServerProcess) {
    super(process)
    this.url = url
  }

  static async start(): Promise<Moto> {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const server = new ServerProcess([...(command ?? []), '-H', '127.0.0.1', '-p', String(port)], () => answers(url))
    await server.start()
    return new Moto(url, server)
  }

  /** Makes a topic, unless it is there. @returns its ARN, which is the same each time */
  async createTopic(name: string): Promise<string> {
    const answer = await this.#sns({ Action: 'CreateTopic', Name: name })
    return /<TopicArn>(.*)<\/TopicArn>/.exec(answer)?.[1] ?? ''
  }

  /** Subscribes a new queue to a topic. */
  async subscribe(topicArn: string, queueName: string): Promise<SnsQueue> {
    const { QueueUrl } = await this.sqs<{ QueueUrl: string }>('CreateQueue', { QueueName: queueName })
    const { Attributes } = await this.sqs<{ Attributes: { QueueArn: string } }>('GetQueueAttributes', {
      QueueUrl,
      AttributeNames: ['QueueArn']
    })
    await this.#sns({ Action: 'Subscribe', TopicArn: topicArn, Protocol: 'sqs', Endpoint: Attributes.QueueArn })
    return new SnsQueue(this, QueueUrl)
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    await this.process.stop('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  /** A call to its SQS. */
  async sqs<Answer>(operation: string, body: object): Promise<Answer> {
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` }
    return JSON.parse(await this.#call('sqs', headers, JSON.stringify(body))) as Answer
  }

  #sns(parameters: Record<string, string>): Promise<string> {
    const body = new URLSearchParams({ Version: '2010-03-31', ...parameters })
    return this.#call('sns', { 'content-type': 'application/x-www-form-urlencoded' }, String(body))
  }

  async #call(service: string, headers: Record<string, string>, body: string): Promise<string> {
    // It reads from here which service is meant, and no signature.
    const credential = `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/${service}/aws4_request`
    const authorization = `${credential}, SignedHeaders=host, Signature=none`
    const response = await fetch(this.url, { method: 'POST', headers: { authorization, ...headers }, body })
    const text = await response.text()
    if (!response.ok) throw new Error(`moto answered ${response.status}: ${text}`)
    return text
  }
}

/** What was published to a topic since the queue subscribed. */
export class SnsQueue {
  readonly #moto: Moto
  readonly #url: string
  readonly #messages: SnsMessage[] = []

  constructor(moto: Moto, url: string) {
    this.#moto = moto
    this.#url = url
  }

  /** All that came until now, oldest first. */
  async messages(): Promise<readonly SnsMessage[]> {
    for (;;) {
      const { Messages = [] } = await this.#moto.sqs<{ Messages?: { Body: string; ReceiptHandle: string }[] }>(
        'ReceiveMessage',
        { QueueUrl: this.#url, MaxNumberOfMessages: 10 }
      )
      if (Messages.length === 0) return this.#messages
      for (const { Body, ReceiptHandle } of Messages) {
        const { TopicArn, Message, MessageAttributes } = JSON.parse(Body)
        this.#messages.push({ topicArn: TopicArn, text: Message, attributes: MessageAttributes })
        await this.#moto.sqs('DeleteMessage', { QueueUrl: this.#url, ReceiptHandle })
      }
    }
  }
}

async function ensureMoto(): Promise<readonly string[] | null> {
  const installed = findProgram('moto_server')
  if (installed) return [installed]
  try {
    const home = await ensurePython({ name: 'moto', package: 'moto', requirements: REQUIREMENTS })
    // Its script names the folder in which it was installed, which has been renamed since.
    return [pythonIn(home), '-m', 'moto.server']
  } catch (error) {
    if (process.env['CI']) throw error
    process.stderr.write(`\n${BANNER}\nTests with moto, which stands for AWS, were SKIPPED:\n${error}\n${BANNER}\n`)
    return null
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/moto-api/data.json`, { signal: AbortSignal.timeout(paced(1_000)) }).then(
    response => response.ok,
    () => false
  )
}
