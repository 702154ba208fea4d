import { EVENT_TYPES } from '../domain/event-types.ts'
import type { Definitions } from './definition.ts'
import { byName, duration, webhookSecret, webhookUrl, wordOf } from './kinds.ts'

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
  }
} satisfies Definitions
