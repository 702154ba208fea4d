import { ignore, needed } from './combined.ts'
import type { Reading } from './reading.ts'

/** Null unless there is a topic. */
export function sns(reading: Reading) {
  const { values, sources } = reading
  if (!sources.AWS_SNS_ARN) {
    ignore(reading, ['AWS_SNS_ENDPOINT'], 'AWS_SNS_ARN is not set')
    return null
  }
  const topicArn = values.AWS_SNS_ARN ?? ''
  const [, , , region = ''] = topicArn.split(':')
  return {
    topicArn,
    region: values.AWS_REGION ?? region,
    endpoint: values.AWS_SNS_ENDPOINT,
    credentials: credentials(reading)
  }
}

/** Null when they are left to the SDK. */
function credentials(reading: Reading) {
  const { sources, values } = reading
  if (!sources.AWS_ACCESS_KEY_ID && !sources.AWS_SECRET_ACCESS_KEY) return null
  return {
    accessKeyId: needed(reading, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY is set'),
    secretAccessKey: needed(reading, 'AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID is set'),
    sessionToken: values.AWS_SESSION_TOKEN
  }
}

/** Null unless it is there. */
export function gatekeeper(reading: Reading) {
  const { values, sources } = reading
  if (!sources.COMMS_GATEKEEPER_URL) {
    ignore(reading, ['COMMS_GATEKEEPER_AUTH_TOKEN'], 'COMMS_GATEKEEPER_URL is not set')
    return null
  }
  const token = needed(reading, 'COMMS_GATEKEEPER_AUTH_TOKEN', 'COMMS_GATEKEEPER_URL is set')
  return { url: values.COMMS_GATEKEEPER_URL ?? '', token }
}
