import type { Admission } from '../admission/admission.ts'
import type { Config } from '../config/config.ts'
import { matrixToken } from '../http/auth.ts'
import { ConcurrencyLimit } from '../lib/concurrency-limit.ts'
import { HomeserverHttp } from '../matrix/client/http.ts'
import { MatrixIds } from '../matrix/client/ids.ts'
import type { CreateRoomDeps } from '../matrix/proxy/rules/create-room.ts'
import { DirectEventWriter, OutboxEventWriter } from '../matrix/proxy/rules/friendship.ts'
import { Rooms } from '../matrix/proxy/rules/rooms.ts'
import { createRules, mediaRule } from '../matrix/proxy/rules/rules.ts'
import { Upstream } from '../matrix/proxy/upstream.ts'
import type { Logger } from '../observability/logger.ts'
import type { Cleanups } from './cleanups.ts'
import type { Social } from './social.ts'

interface CreateProxyDeps extends Pick<CreateRoomDeps, 'pairRooms' | 'onPairName'> {
  readonly admission: Admission
  readonly config: Config
  readonly matrix: NonNullable<Config['matrix']>
  readonly logger: Logger
  readonly social: Social
}

/** Connections for the calls that rules make. */
const CONNECTIONS = 32
/** With what a long poll may ask for, less than any server on the way waits in silence. In milliseconds. */
const POLL_GRACE_MS = 45_000

/** What every proxy in front of a homeserver has. */
export function createProxy(deps: CreateProxyDeps, cleanups: Cleanups) {
  const { admission, config, matrix, logger, social, pairRooms, onPairName } = deps
  const { homeserverUrl: url, timeoutMs } = matrix
  const ids = new MatrixIds(config.serverName)
  const http = cleanups.add('rules', new HomeserverHttp({ url, timeoutMs, connections: CONNECTIONS }), it => it.close())
  const upstream = new Upstream({
    url,
    connectTimeoutMs: timeoutMs,
    onChange: isAway => (isAway ? logger.warn('The homeserver is away') : logger.info('The homeserver is back'))
  })
  cleanups.add('upstream', upstream, it => it.close())
  const rooms = new Rooms(http, ids)
  return {
    rules: createRules({
      ids,
      rooms,
      friends: social.friends,
      settings: social.settings,
      relations: social.relations,
      limits: social.limits,
      channelCreations: social.channelCreations,
      channelLimits: { created: config.proxy.maxChannelsCreated, joined: config.proxy.maxChannelsJoined },
      allowPrivateRooms: matrix.allowPrivateRooms,
      pairRooms,
      onPairName,
      friendshipEvents: pairRooms ? new OutboxEventWriter(rooms, ids) : new DirectEventWriter(rooms)
    }),
    admission,
    openRequests: social.openRequests,
    publicRules: { media: mediaRule(ids) },
    upstream,
    concurrency: new ConcurrencyLimit({ total: config.proxy.maxRequests, perKey: config.proxy.maxRequestsPerUser }),
    limits: {
      bodyBytes: {
        read: config.http.bodyLimitBytes,
        json: config.proxy.bodyLimitBytes,
        media: config.proxy.mediaLimitBytes
      },
      timeoutMs,
      pollGraceMs: POLL_GRACE_MS
    },
    readToken: matrixToken
  }
}
