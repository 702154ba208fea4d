/** Why the server closes a socket: what its client gets, and what that means. */
export interface CloseReason {
  readonly code: number
  /** The text that goes with the code; empty where the WebSocket library closes. */
  readonly reason: string
  /** In Markdown: the table of docs/protocol.md, which a test compares with this list. */
  readonly when: string
}

/** Every way in which the server closes a socket. */
export const CLOSE = {
  goingAway: { code: 1001, reason: 'The server is going away', when: 'the server stops; come back' },
  brokenWebSocket: { code: 1002, reason: '', when: 'what came breaks the WebSocket protocol' },
  numberInUse: {
    code: 1002,
    reason: 'Message number in use',
    when: 'a message number that is still in use: it could not be told which of the two is answered'
  },
  text: { code: 1003, reason: 'Text is only understood as a handshake', when: 'a text that is no handshake' },
  brokenText: { code: 1007, reason: '', when: 'a text that is not UTF-8' },
  brokenFrame: { code: 1007, reason: 'Not a frame of this protocol', when: 'a frame that is not one of dcl-rpc' },
  notAcknowledged: {
    code: 1008,
    reason: 'Streams are not acknowledged',
    when: 'a stream waits for an acknowledgement for `ACK_TIMEOUT`, and nothing else comes either'
  },
  tooManyFragments: { code: 1008, reason: '', when: 'a message in more than `MAX_FRAGMENTS` WebSocket frames' },
  tooLarge: { code: 1009, reason: '', when: 'a message above `MAX_FRAME_SIZE`' },
  tooManyBytes: {
    code: 1009,
    reason: 'Too many bytes before the handshake was verified',
    when: 'more than `MAX_FRAME_SIZE` in all while a handshake is verified'
  },
  failed: { code: 1011, reason: 'Internal error', when: 'an error of the server' },
  serverFull: {
    code: 1013,
    reason: 'The server is full',
    when: '`MAX_CONNECTIONS` or `MAX_CONNECTIONS_PER_IP` is reached; come back later'
  },
  userFull: {
    code: 1013,
    reason: 'Too many connections of this user',
    when: 'v1: `MAX_CONNECTIONS_PER_USER` is reached, by clients that are all there; the call that showed the token is answered first'
  },
  madeRoom: {
    code: 1013,
    reason: 'Others of this user came, and this one is silent',
    when: 'three times `MAX_CONNECTIONS_PER_USER` are open, and the client does not answer a ping: it makes room for the newest'
  },
  notVerified: {
    code: 1013,
    reason: 'The handshake cannot be verified now',
    when: 'v2: what verifies a handshake is away, or `MAX_CONNECTIONS_PER_USER` is reached by clients that are all there; come back later; the reason says which, after a colon'
  },
  tooManyFrames: {
    code: 1013,
    reason: 'Too many messages before the handshake was verified',
    when: 'more than 16 messages while a handshake is verified'
  },
  tooFast: {
    code: 1013,
    reason: 'Too many messages',
    when: 'messages come so much faster than they may that reading them later is no help'
  },
  notRead: { code: 1013, reason: 'Too much is waiting to be read', when: 'what the client was sent is not read' },
  refused: {
    code: 3003,
    reason: 'The handshake was refused',
    when: 'the handshake is not valid; the reason says why, after a colon'
  },
  sessionEnded: {
    code: 3003,
    reason: 'The session has ended',
    when: 'v2: the delegation of the handshake has ended, at most a minute ago, or the user logged out everywhere'
  },
  noHandshake: {
    code: 3004,
    reason: 'No handshake in time',
    when: 'nobody has shown who they are within `HANDSHAKE_TIMEOUT`, whatever else was sent: by a handshake on v2, by a call with a valid token on v1'
  }
} as const satisfies Record<string, CloseReason>

/** Each code once, in ascending order. */
const CLOSE_CODES: readonly number[] = [...new Set(Object.values(CLOSE).map(({ code }) => code))].sort(
  (one, other) => one - other
)

/** Every end that a socket can have: the code that it was closed with here, or by whom else, or neither. */
export const SOCKET_ENDS: readonly string[] = [...CLOSE_CODES.map(String), 'client', 'lost']
