import type { Server } from 'node:http'
import type { Admission } from '../admission/admission.ts'
import type { UserLimits } from '../admission/user-limits.ts'
import { verifySignedFetch } from '../auth/signed-fetch.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { RpcLimits } from '../rpc/engine/limits.ts'
import { FRAME_OVERHEAD } from '../rpc/engine/protocol.ts'
import type { Client, ErrorReporter } from '../rpc/engine/service.ts'
import { SocketServer } from '../rpc/engine/socket-server.ts'
import { SocketUsers } from '../rpc/socket-users.ts'
import type { V1Context } from '../rpc/v1/caller.ts'
import { V1_METHODS } from '../rpc/v1/codec.ts'
import { friendshipsService } from '../rpc/v1/friendships-service.ts'
import { PRESENCE_METHODS } from '../rpc/v1/presence-codec.ts'
import type { V2Context } from '../rpc/v2/caller.ts'
import { V2_METHODS } from '../rpc/v2/codec.ts'
import { socialService } from '../rpc/v2/social-service.ts'
import type { Matrix } from './matrix.ts'
import type { Social } from './social.ts'

interface RpcDeps {
  /** The HTTP server whose port is that of RPC too; null for a port of its own. */
  readonly sharedWith: Server | null
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly admission: Admission
  readonly userLimits: UserLimits
  readonly social: Social
  readonly matrix: Matrix
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Every procedure of both protocols, by its name. */
export const PROCEDURES = [V1_METHODS, PRESENCE_METHODS, V2_METHODS]
  .flatMap(methods => Object.values<{ name: string }>(methods))
  .map(({ name }) => name)

/** What a v2 client signs to open its socket. */
const HANDSHAKE = { method: 'get', path: '/' }

/** Messages of a client that may wait while its handshake is verified. */
const PENDING_FRAMES = 16
/** What may wait to be sent to one client, in frames of the largest size. */
const BUFFERED_FRAMES = 16
/** Time to answer a close, in milliseconds. */
const CLOSE_TIMEOUT_MS = 10_000

/** The RPC server with both protocols, not listening yet. */
export function createRpc(deps: RpcDeps): SocketServer<V1Context, V2Context> {
  const { sharedWith, config, logger, metrics, admission, userLimits: limits, social, matrix, now } = deps
  const { friends, online, locations, friendLocations, presence, sockets, updates, verifier } = social
  const report: ErrorReporter = (error, where) => logger.error({ err: error, ...where }, 'A call failed')
  const { updateSent } = metrics.streams
  const { positionLifetimeMs } = config.rpc
  const { maxFriends, maxPendingRequests, maxIncomingRequests } = config.limits
  const maxAnswerBytes = config.limits.maxAnswerBytes - FRAME_OVERHEAD
  const v1 = friendshipsService({
    limits,
    admission,
    friends,
    online,
    locations,
    friendLocations,
    sessions: matrix.authenticator,
    updates,
    startTimeoutMs: config.rpc.streamStartTimeoutMs,
    streamPage: { maxItems: config.rpc.friendsPageSize, maxBytes: maxAnswerBytes },
    maxListSize: Math.max(maxFriends, maxPendingRequests, maxIncomingRequests),
    maxAnswerBytes,
    report,
    updateSent
  })
  const v2 = socialService({ ...social, limits, maxAnswerBytes, report, updateSent })
  const usersDeps = { presence, limits, heartbeatMs: positionLifetimeMs, sockets }
  const users = (client: Client, expiresAt: number | null) => new SocketUsers(client, expiresAt, usersDeps)
  return new SocketServer({
    sharedWith,
    host: config.host,
    port: config.rpcPort,
    admission,
    limits: rpcLimits(config.rpc),
    observer: metrics.rpc,
    onError: report,
    onRefused: ({ code, message }, { id }) =>
      logger.debug({ code, reason: message, connection: id }, 'A handshake was refused'),
    openPlain: client => {
      const context = { users: users(client, null) }
      return { services: [v1], context, dispose: () => context.users.dispose() }
    },
    handshake: async (headers, client) => {
      const { addressGroup } = client.peer
      const request = { ...HANDSHAKE, client: addressGroup }
      const verify = () => verifySignedFetch(headers, request, verifier, now())
      const { address, signer, expiresAt } = await admission.authenticate(addressGroup, verify)
      const user = users(client, expiresAt)
      await user.makeRoom(address)
      return {
        services: [v2],
        context: { address, signer },
        begin: () => user.add(address, null),
        dispose: () => user.dispose()
      }
    }
  })
}

function rpcLimits(rpc: Config['rpc']): RpcLimits {
  return {
    connections: rpc.maxConnections,
    connectionsPerIp: rpc.maxConnectionsPerIp,
    frameBytes: rpc.maxFrameBytes,
    fragments: rpc.maxFragments,
    bufferedBytes: BUFFERED_FRAMES * rpc.maxFrameBytes,
    anonymousBufferedBytes: rpc.maxFrameBytes,
    framesPerSecond: rpc.framesPerSecond,
    bytesPerSecond: rpc.bytesPerSecond,
    pendingFrames: PENDING_FRAMES,
    pendingBytes: rpc.maxFrameBytes,
    ports: rpc.maxPorts,
    calls: rpc.maxCalls,
    streams: rpc.maxStreams,
    handshakeMs: rpc.handshakeTimeoutMs,
    pingMs: rpc.pingIntervalMs,
    pongMs: rpc.pongTimeoutMs,
    closeMs: Math.min(rpc.pongTimeoutMs, CLOSE_TIMEOUT_MS),
    ackMs: rpc.ackTimeoutMs,
    refusalMs: rpc.streamRefusalDelayMs
  }
}
