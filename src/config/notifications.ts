import { EVENT_TYPES } from '../domain/event-types.ts'
import type { Definitions } from './definition.ts'
import { baseUrl, byName, duration, text, webhookSecret, webhookUrl, wordOf } from './kinds.ts'

const token = text(/^\S+$/, 'text without white space')

/** Which other systems are told what happens. */
export const NOTIFICATIONS = {
  WEBHOOKS: {
    kind: byName(webhookUrl),
    secret: true,
    about:
      'Who is told what happens, signed as Standard Webhooks says: `chat=https://chat.example.org/hook, mail=…`. The names are those of metrics and of the database, with `webhook-` before them.'
  },
  WEBHOOK_SECRETS: {
    kind: byName(webhookSecret),
    secret: true,
    about:
      'With what each of `WEBHOOKS` is signed: `chat=whsec_…`. Of two with a space between them each signs, so that one can replace the other.'
  },
  WEBHOOK_EVENTS: {
    kind: byName(wordOf(EVENT_TYPES)),
    about: 'What each of `WEBHOOKS` is told: `chat=user.blocked user.unblocked`; everything, unless it is named.'
  },
  WEBHOOK_TIMEOUT: {
    kind: duration('100ms', '25s'),
    default: '10s',
    about: 'Longest wait for the answer to a webhook.'
  },
  AWS_SNS_ARN: {
    kind: text(/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]{1,256}$/, 'the ARN of a topic of SNS that is not FIFO'),
    about: 'Topic of AWS SNS from which the notification service takes who asks whom, and who accepts.'
  },
  AWS_SNS_ENDPOINT: {
    kind: baseUrl('http', 'https'),
    about: 'Where SNS is, where it is not that of AWS, such as LocalStack.'
  },
  AWS_REGION: {
    kind: text(/^[a-z\d-]+$/, 'the name of a region'),
    about: 'Region of AWS; that of `AWS_SNS_ARN`, unless it is set.'
  },
  AWS_ACCESS_KEY_ID: {
    kind: token,
    secret: true,
    about:
      'Who publishes; without it what the AWS SDK finds: the files of the user, the role of the container or machine.'
  },
  AWS_SECRET_ACCESS_KEY: { kind: token, secret: true, about: 'Needed beside `AWS_ACCESS_KEY_ID`.' },
  AWS_SESSION_TOKEN: { kind: token, secret: true, about: 'Of temporary credentials.' },
  COMMS_GATEKEEPER_URL: {
    kind: baseUrl('http', 'https'),
    about: 'comms-gatekeeper, which is told at each change who may write to a user.'
  },
  COMMS_GATEKEEPER_AUTH_TOKEN: {
    kind: token,
    secret: true,
    about: 'Token of the same name in the settings of comms-gatekeeper; needed beside `COMMS_GATEKEEPER_URL`.'
  }
} satisfies Definitions
