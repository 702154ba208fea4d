import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config/config.ts'

const ARN = 'arn:aws:sns:eu-west-1:123456789012:events'
const KEYS = { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'secret' }

describe('AWS', () => {
  test('is not used without a topic, whatever the environment has of it', () => {
    const env = { AWS_REGION: 'us-east-1', ...KEYS, AWS_PROFILE: 'mine', AWS_SQS_ARN: 'x', AWS_S3_BUCKET: 'x' }
    expect(readConfig(env)).toMatchObject({ sns: null, warnings: [] })
    expect(readConfig({ AWS_SNS_ENDPOINT: 'http://localhost:4566' }).warnings).toEqual([
      'AWS_SNS_ENDPOINT has no effect, because AWS_SNS_ARN is not set'
    ])
  })

  test('is in the region of the topic, unless another is set', () => {
    expect(readConfig({ AWS_SNS_ARN: ARN }).sns).toEqual({
      topicArn: ARN,
      region: 'eu-west-1',
      endpoint: null,
      credentials: null
    })
    expect(readConfig({ AWS_SNS_ARN: ARN, AWS_REGION: 'us-east-1' }).sns?.region).toBe('us-east-1')
  })

  test('takes both parts of a key, or leaves them to the SDK', () => {
    expect(readConfig({ AWS_SNS_ARN: ARN, ...KEYS, AWS_SESSION_TOKEN: 'token' }).sns?.credentials).toEqual({
      accessKeyId: 'AKIA',
      secretAccessKey: 'secret',
      sessionToken: 'token'
    })
    for (const [name, other] of [Object.keys(KEYS), Object.keys(KEYS).reverse()]) {
      expect(() => readConfig({ AWS_SNS_ARN: ARN, [name ?? '']: 'x' })).toThrow(
        `because ${name} is set, but is not set`
      )
      expect(() => readConfig({ AWS_SNS_ARN: ARN, [name ?? '']: 'x' })).toThrow(`${other} must be`)
    }
  })

  test.each(['events', 'arn:aws:sqs:eu-west-1:123456789012:events', `${ARN}.fifo`])('has no topic %s', name => {
    expect(() => readConfig({ AWS_SNS_ARN: name })).toThrow('AWS_SNS_ARN must be the ARN of a topic of SNS')
  })

  test('has a topic that may be misspelled', () => {
    expect(() => readConfig({ AWS_SNS_AR: ARN })).toThrow('AWS_SNS_AR is no setting of this service: did you mean')
  })
})

describe('comms-gatekeeper', () => {
  test('needs its address and its token', () => {
    const env = { COMMS_GATEKEEPER_URL: 'https://gatekeeper.example/', COMMS_GATEKEEPER_AUTH_TOKEN: 'token' }
    expect(readConfig(env).gatekeeper).toEqual({ url: 'https://gatekeeper.example', token: 'token' })
    expect(readConfig({})).toMatchObject({ gatekeeper: null, warnings: [] })
    expect(() => readConfig({ COMMS_GATEKEEPER_URL: env.COMMS_GATEKEEPER_URL })).toThrow(
      'COMMS_GATEKEEPER_AUTH_TOKEN must be text without white space, because COMMS_GATEKEEPER_URL is set'
    )
    const { warnings } = readConfig({ COMMS_GATEKEEPER_AUTH_TOKEN: 'token' })
    expect(warnings).toEqual(['COMMS_GATEKEEPER_AUTH_TOKEN has no effect, because COMMS_GATEKEEPER_URL is not set'])
  })
})
