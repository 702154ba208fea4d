import type { Definitions } from './definition.ts'
import { baseUrl, choice, duration, flag, size, text, whole } from './kinds.ts'

const token = text(/^\S+$/, 'text without white space')
const longToken = text(/^\S{32,}$/, 'at least 32 characters without white space')

/** How the Matrix homeserver is used. */
export const MATRIX = {
  MATRIX_MODE: {
    kind: choice('standalone', 'appservice', 'passthrough'),
    default: 'standalone',
    about: 'Without a homeserver, in front of one that trusts this service, or of one with its own Decentraland login.'
  },
  MATRIX_HOMESERVER_URL: {
    kind: baseUrl('http', 'https'),
    aliases: ['SYNAPSE_URL'],
    about: 'The homeserver; needed unless `MATRIX_MODE` is `standalone`.'
  },
  MATRIX_AS_TOKEN: {
    kind: token,
    secret: true,
    about:
      '`as_token` of the registration; needed in `appservice` mode. Where it is left in `passthrough` mode, it is used to find that the registration is still in place.'
  },
  MATRIX_HS_TOKEN: { kind: token, secret: true, about: '`hs_token` of the registration; needed in `appservice` mode.' },
  MATRIX_TOKEN_KEY: {
    kind: longToken,
    secret: true,
    about:
      'Key that encrypts the tokens of the homeserver in the database; needed in `appservice` mode, and in `passthrough` mode where there are several instances, which then know sessions by the same hash.'
  },
  MATRIX_ROOM_ON: {
    kind: choice('request', 'accept'),
    default: 'request',
    about: 'What makes the room of two users: the friendship request or its acceptance.'
  },
  MATRIX_ALLOW_PRIVATE_ROOMS: {
    kind: flag,
    default: 'false',
    about: 'Whether users may have private rooms besides those of two (ADR-113).'
  },
  MATRIX_TIMEOUT: {
    kind: duration('100ms', '1m'),
    default: '30s',
    about: 'Longest wait for an answer of the homeserver; a long poll and media may take longer.'
  }
} satisfies Definitions

/** Of what users do on the homeserver. */
export const MATRIX_LIMITS = {
  MAX_CHANNELS_CREATED: {
    kind: whole(0, 100_000, 'channels'),
    default: '10',
    about: 'Channels that one user made and is in.'
  },
  MAX_CHANNELS_JOINED: { kind: whole(0, 100_000, 'channels'), default: '50', about: 'Channels that one user is in.' },
  MATRIX_BODY_LIMIT: {
    kind: size('1kb', '16mb'),
    default: '1mb',
    about: 'Size of JSON that is handed on to the homeserver unread; what is read keeps to `HTTP_BODY_LIMIT`.'
  },
  MATRIX_MEDIA_LIMIT: { kind: size('1kb', '1024mb'), default: '20mb', about: 'Size of an upload to the homeserver.' },
  MATRIX_MAX_REQUESTS: {
    kind: whole(1, 1_000_000, 'requests'),
    default: '20000',
    about:
      'Requests to the homeserver that are under way on one instance, each on a connection; a client that listens has one all the time.'
  },
  MATRIX_MAX_REQUESTS_PER_USER: {
    kind: whole(1, 10_000, 'requests'),
    default: '50',
    about: 'The same, of one user.'
  },
  CHANNELS_CREATED_PER_DAY: {
    kind: whole(0, 100_000, 'channels'),
    default: '50',
    about: 'Channels that one user makes in a day, whether they stay in them or not.'
  }
} satisfies Definitions
