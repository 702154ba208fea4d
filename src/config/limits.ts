import type { Definitions } from './definition.ts'
import { duration, size, whole } from './kinds.ts'

/** Of what users have and send. */
export const LIMITS = {
  TOKEN_LIFETIME: { kind: duration('1s', '3650d'), default: '30d', about: 'How long a login lasts.' },
  MAX_SESSIONS_PER_USER: { kind: whole(1, 10_000, 'sessions'), default: '50', about: 'Logins of one user at a time.' },
  TOKEN_CACHE_SIZE: {
    kind: whole(1, 5_000_000, 'sessions'),
    default: '50000',
    about: 'Sessions that one instance keeps in memory.'
  },
  MAX_FRIENDS: { kind: whole(1, 100_000, 'friends'), default: '2000', about: 'Friends of one user.' },
  MAX_PENDING_REQUESTS: {
    kind: whole(1, 100_000, 'requests'),
    default: '500',
    about: 'Requests of one user that wait for an answer.'
  },
  MAX_MESSAGE_LENGTH: {
    kind: whole(1, 10_000, 'characters'),
    default: '2000',
    about: 'Length of the message of a request.'
  },
  ACTIONS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'actions'),
    default: '240',
    about:
      'Requests, answers and ends of friendships of one user in a minute; with a homeserver that trusts this service, also rooms for two that the user asks for.'
  },
  PAIR_ACTIONS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'actions'),
    default: '20',
    about: 'The same, of one user upon the same other one.'
  },
  BLOCKS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'blocks'),
    default: '120',
    about: 'Blocks and unblocks of one user in a minute; counted apart, so that a user who is flooded can block.'
  },
  MAX_MUTES: {
    kind: whole(1, 10_000, 'users'),
    default: '2000',
    about: 'Users that one user mutes. The Unity client reads 10,000 of them at most.'
  },
  MUTES_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'mutes'),
    default: '120',
    about: 'Mutes of one user, and ends of mutes, in a minute.'
  },
  SETTINGS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'changes'),
    default: '60',
    about: 'Changes of their settings by one user in a minute: each is kept, and told to other systems.'
  },
  LOGINS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'logins'),
    default: '600',
    about: 'Logins from one IP address in a minute.'
  },
  LIST_PAGE_LIMIT: {
    kind: whole(1, 10_000, 'entries'),
    default: '2000',
    about: 'Entries of one answer to a REST list.'
  },
  MAX_ANSWER_SIZE: {
    // No less than any one request with its message, whatever that may be.
    kind: size('64kb', '16mb'),
    default: '96kb',
    about:
      'Size of an answer with a list, and of an element of a stream, with the frame around it; what is longer comes without pictures, then with fewer entries. The Unity client breaks on more than 100,000 bytes. Friends over REST are bounded by `LIST_PAGE_LIMIT` alone.'
  },
  HTTP_BODY_LIMIT: { kind: size('1kb', '16mb'), default: '64kb', about: 'Size of the body of an HTTP request.' },
  HTTP_REQUEST_TIMEOUT: {
    kind: duration('10ms', '10m'),
    default: '30s',
    about: 'Time in which an HTTP request must have arrived in full.'
  },
  HTTP_ANSWER_TIMEOUT: {
    kind: duration('10ms', '10m'),
    default: '30s',
    about: 'Time in which a client must have taken an HTTP answer that is written.'
  },
  MAX_REQUESTS_PER_CONNECTION: {
    kind: whole(1, 10_000, 'requests'),
    default: '16',
    about: 'Requests of one HTTP connection that wait for their answers.'
  },
  MAX_REQUESTS_PER_USER: {
    kind: whole(1, 1_000_000, 'requests'),
    default: '32',
    about: 'HTTP requests of one user that are answered at a time, on one instance; beside those to the homeserver.'
  },
  REQUESTS_PER_SECOND_PER_KEY: {
    kind: whole(1, 1_000_000, 'requests'),
    default: '200',
    about:
      'HTTP requests with one API key on one instance; of `SERVICES_WITHOUT_KEY`, from one IP address. Twice as many at once.'
  },
  IPV6_PREFIX: {
    kind: whole(32, 128, 'bits'),
    default: '64',
    about: 'Part of an IPv6 address that limits of IP addresses count as one client.'
  },
  FAILED_LOGINS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'logins'),
    default: '600',
    about: 'Invalid tokens, signatures, logins and handshakes from one IP address in a minute, over both ports.'
  },
  MAX_HTTP_CONNECTIONS: {
    kind: whole(1, 1_000_000, 'connections'),
    default: '10000',
    about: 'Connections to the HTTP port of one instance.'
  },
  MAX_HTTP_CONNECTIONS_PER_IP: {
    kind: whole(1, 1_000_000, 'connections'),
    default: '1000',
    about: 'The same, from one IP address; those of `TRUSTED_PROXIES` are not counted.'
  },
  ANSWER_BYTES: {
    kind: size('64kb', '4096mb'),
    default: '32mb',
    about: 'Answers that were made and not taken by their clients yet, of one instance.'
  },
  ANSWER_BYTES_PER_IP: {
    kind: size('64kb', '4096mb'),
    default: '8mb',
    about: 'The same, of one IP address.'
  },
  CONTRACT_WALLETS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'checks'),
    default: '60',
    about:
      'Logins, handshakes and signed requests of contract wallets from one IP address in a minute, each of which asks the Ethereum node.'
  },
  MAX_INCOMING_REQUESTS: {
    kind: whole(1, 100_000, 'requests'),
    default: '1000',
    about: 'Requests to one user that wait for an answer.'
  },
  INCOMING_REQUESTS_PER_MINUTE: {
    kind: whole(1, 1_000_000, 'requests'),
    default: '30',
    about: 'Requests to one user in a minute, of all others together.'
  }
} satisfies Definitions

/** Of sockets, their calls and their streams. */
export const RPC_LIMITS = {
  FRIENDS_STREAM_PAGE_SIZE: {
    kind: whole(1, 10_000, 'friends'),
    default: '10000',
    about:
      'Friends in one element of a v1 stream, as far as they fit into `MAX_ANSWER_SIZE`. Each element waits for the acknowledgement of the one before: small ones take long over a slow network.'
  },
  MAX_CONNECTIONS: { kind: whole(1, 1_000_000, 'sockets'), default: '20000', about: 'Sockets of one instance.' },
  MAX_CONNECTIONS_PER_IP: {
    kind: whole(1, 1_000_000, 'sockets'),
    default: '1000',
    about: 'RPC sockets from one IP address; see `TRUSTED_PROXIES`.'
  },
  MAX_CONNECTIONS_PER_USER: {
    kind: whole(1, 1_000_000, 'sockets'),
    default: '20',
    about: 'RPC sockets of one user on one instance.'
  },
  CALLS_PER_SECOND: {
    kind: whole(1, 1_000_000, 'calls'),
    default: '100',
    about: 'RPC calls and HTTP requests of one user on one instance.'
  },
  MAX_PORTS_PER_CONNECTION: { kind: whole(1, 10_000, 'ports'), default: '16', about: 'RPC ports of one socket.' },
  MAX_STREAMS_PER_CONNECTION: {
    kind: whole(1, 10_000, 'streams'),
    default: '32',
    about: 'Open streams of one socket.'
  },
  MAX_CALLS_PER_CONNECTION: {
    kind: whole(1, 10_000, 'calls'),
    default: '64',
    about: 'Calls of one socket that wait for their answer.'
  },
  MAX_FRAME_SIZE: { kind: size('1kb', '16mb'), default: '64kb', about: 'Size of a WebSocket frame from a client.' },
  STREAM_QUEUE_SIZE: {
    kind: whole(1, 100_000, 'updates'),
    default: '1000',
    about:
      'Updates that wait for one slow stream, before only the last of each other user is told; a long message counts for several.'
  },
  HANDSHAKE_TIMEOUT: {
    kind: duration('10ms', '10m'),
    default: '15s',
    about: 'Time in which a new socket must say who it is.'
  },
  PING_INTERVAL: { kind: duration('10ms', '1h'), default: '30s', about: 'Time between two pings of a socket.' },
  PONG_TIMEOUT: {
    kind: duration('10ms', '1h'),
    default: '60s',
    about: 'Time in which a ping must be answered. A game may stand still for most of a minute while it loads a scene.'
  },
  ACK_TIMEOUT: {
    kind: duration('10ms', '1h'),
    default: '5m',
    about: 'Time in which an element of a stream must be acknowledged while another waits; longer than a ping may take.'
  },
  RESUME_WINDOW: {
    kind: duration('0ms', '1d'),
    default: '60s',
    about: 'Time in which a device that lost its connection is told what it missed when it comes back.'
  },
  RESUME_MAX_UPDATES: {
    kind: whole(0, 100_000, 'updates'),
    default: '1000',
    about: 'Updates that a device may have missed; after more it starts anew.'
  },
  PRESENCE_GRACE: {
    kind: duration('0ms', '10m'),
    default: '5s',
    about: 'Time for which a user who lost the last connection still counts as online.'
  },
  POSITION_LIFETIME: {
    kind: duration('10ms', '1d'),
    default: '2m',
    about: 'Time after which a user who sends positions (ADR-246) is gone without another one.'
  },
  FRAMES_PER_SECOND_PER_IP: {
    kind: whole(1, 10_000_000, 'frames'),
    default: '1000',
    about:
      'Frames from one IP address on sockets on which nobody has shown who they are; up to five times as many at once.'
  },
  BYTES_PER_SECOND_PER_IP: {
    kind: size('1kb', '4096mb'),
    default: '1mb',
    about: 'The same, in bytes.'
  },
  FRAMES_PER_SECOND_PER_CONNECTION: {
    kind: whole(1, 10_000_000, 'frames'),
    default: '500',
    about: 'Frames of a socket on which somebody has shown who they are; up to five times as many at once.'
  },
  BYTES_PER_SECOND_PER_CONNECTION: {
    kind: size('1kb', '4096mb'),
    default: '512kb',
    about: 'The same, in bytes.'
  },
  MAX_FRAGMENTS: {
    kind: whole(1, 10_000, 'fragments'),
    default: '16',
    about: 'WebSocket frames in which one message may come: each costs far more than its bytes.'
  },
  STREAM_START_TIMEOUT: {
    kind: duration('0ms', '10m'),
    default: '30s',
    about: 'Time for which a stream that is opened while the database is away waits for it.'
  },
  STREAM_REFUSAL_DELAY: {
    kind: duration('0ms', '1m'),
    default: '1s',
    about:
      'Time after which a client is told that a stream is refused, has failed, or was replaced by a newer one: some ask again at once, and for ever.'
  }
} satisfies Definitions
