import { AuthChainVerifier } from '../auth/auth-chain.ts'
import { CHECK_OUTCOMES } from '../auth/contract-wallet.ts'
import type { Bus } from '../cluster/bus.ts'
import type { Channel } from '../cluster/channel.ts'
import type { Directory } from '../cluster/directory.ts'
import type { Config } from '../config/config.ts'
import type { Address } from '../domain/address.ts'
import { Blocks } from '../friendships/blocks.ts'
import { Friendships } from '../friendships/friendships.ts'
import { Mutes } from '../friendships/mutes.ts'
import { RelationCache } from '../friendships/relations.ts'
import { Settings } from '../friendships/settings.ts'
import { Multimap } from '../lib/multimap.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { contractWalletMetrics } from '../observability/profile-metrics.ts'
import { observeStreams } from '../observability/stream-metrics.ts'
import { Connectivity } from '../presence/connectivity.ts'
import { FriendIndex } from '../presence/friend-index.ts'
import { FriendLocations } from '../presence/friend-locations.ts'
import { FRAME_OVERHEAD } from '../rpc/engine/protocol.ts'
import type { SocketUsers } from '../rpc/socket-users.ts'
import { LocalSessions } from '../sessions/local-sessions.ts'
import { OpenRequests } from '../sessions/open-requests.ts'
import { SignedFetches } from '../sessions/signed-fetches.ts'
import { BlockLists } from '../storage/blocks.ts'
import type { Database } from '../storage/db/database.ts'
import type { Replicas } from '../storage/db/replicas.ts'
import type { EventLog } from '../storage/event-log.ts'
import { FriendLists } from '../storage/friend-lists.ts'
import { FriendshipStore } from '../storage/friendships.ts'
import { MuteStore } from '../storage/mutes.ts'
import { SavedPositionStore } from '../storage/saved-positions.ts'
import { SessionStore } from '../storage/sessions.ts'
import { SettingsStore } from '../storage/settings.ts'
import { SignedRequestStore } from '../storage/signed-requests.ts'
import { OpenSubscriptions } from '../subscriptions/open-subscriptions.ts'
import type { EventFeed } from '../updates/event-feed.ts'
import { Hub } from '../updates/hub.ts'
import { Updates } from '../updates/updates.ts'
import type { Cleanups } from './cleanups.ts'
import { createLimits } from './limits.ts'
import { createPresence } from './presence.ts'
import { createProfiles } from './profiles.ts'

/** How often the position of a device to which nothing happens is saved, in the time for which the log is kept. */
const REFRESHES = 8

interface SocialDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly config: Config
  readonly logger: Logger
  readonly db: Database
  readonly replicas: Replicas
  readonly bus: EventFeed
  readonly log: EventLog
  readonly channel: Channel
  readonly directory: Directory
  readonly metrics: Metrics
  /** Unix milliseconds. */
  readonly now: () => number
}

/** The use cases, and what the edges share beside them. */
export type Social = ReturnType<typeof createSocial>

export function createSocial(deps: SocialDeps, cleanups: Cleanups) {
  const { instance, config, logger, db, replicas, bus, log, channel, directory, metrics, now } = deps
  const { limits, tokens, ethereum, rpc } = config
  const rates = createLimits({ config, logger, metrics }, cleanups)
  const lists = new FriendLists(db, limits.maxAnswerBytes)
  const blockLists = new BlockLists(db)
  // What users are shown of these may be a little old; what decides, or is kept current by events from then on, may not.
  const shownLists = new FriendLists(replicas, limits.maxAnswerBytes)
  const shownBlocks = new BlockLists(replicas)
  bus.subscribe(event => {
    if (event.kind === 'pair') replicas.acted(event)
  })
  const settings = new SettingsStore(db)
  const verifier = new AuthChainVerifier({
    ethereumRpcUrl: ethereum?.rpcUrl ?? null,
    timeoutMs: ethereum?.timeoutMs ?? 0,
    checksPerMinute: limits.contractWalletsPerMinute,
    onCheck: contractWalletMetrics(metrics.registry, CHECK_OUTCOMES).checked
  })
  cleanups.add('verifier', verifier, it => it.close())
  const counts = {
    friends: limits.maxFriends,
    outgoing: limits.maxPendingRequests,
    incoming: limits.maxIncomingRequests
  }
  const friendships = new FriendshipStore(db, counts, rates.reached)
  const mutes = new MuteStore(db, limits.maxMutes, () => rates.reached('muted'))
  const relations = new RelationCache({ lists, blocks: blockLists, bus, maxFriends: limits.maxFriends })
  const publish: Bus['publish'] = (event, after) => {
    relations.changed(event) // also where nobody is followed: what is being read just then must not be kept
    bus.publish(event, after)
  }
  const friends = new Friendships({
    friendships,
    log,
    lists: shownLists,
    closeness: lists,
    settings,
    bus: { publish },
    onActed: intent => replicas.acted(intent),
    limits: rates.actions,
    maxMessageLength: limits.maxMessageLength,
    now
  })
  const sessions = new LocalSessions({
    store: new SessionStore(db, tokens.maxPerUser),
    verifier,
    bus,
    limit: rates.logins,
    tokenLifetimeMs: tokens.lifetimeMs,
    tokenCacheSize: tokens.cacheSize,
    now
  })
  const signedFetches = new SignedFetches({
    verifier,
    store: new SignedRequestStore(db),
    pathPrefix: new URL(config.publicHttpUrl ?? 'http://localhost').pathname.replace(/\/$/, ''),
    now
  })
  const profiles = createProfiles({ config, logger, metrics, now }, cleanups)
  const friendIndex = new FriendIndex({
    lists,
    friendships,
    bus,
    maxFriends: limits.maxFriends,
    readTimeoutMs: rpc.streamStartTimeoutMs
  })
  cleanups.add('friend index', friendIndex, it => it.close())
  const presence = createPresence({ instance, config, logger, channel, directory, friendIndex, metrics }, cleanups)
  const subscriptions = cleanups.add('subscriptions', new OpenSubscriptions(), it => it.close())
  observeStreams(metrics.registry, () => ({
    updates: subscriptions.size('updates'),
    connectivity: subscriptions.size('connectivity'),
    positions: subscriptions.size('positions')
  }))
  const queueSize = rpc.streamQueueSize
  const hub = cleanups.add('hub', new Hub({ bus, subscriptions, queueSize }), it => it.close())
  const updates = new Updates({
    instance,
    hub,
    log,
    positions: new SavedPositionStore(db),
    lowWatermark: () => bus.lowWatermark,
    windowMs: rpc.resumeWindowMs,
    maxMissed: rpc.resumeMaxUpdates,
    refreshMs: config.logRetentionMs && config.logRetentionMs / REFRESHES,
    startTimeoutMs: rpc.streamStartTimeoutMs,
    onResume: metrics.streams.streamBegun,
    onError: error => logger.warn({ err: error }, 'Positions of streams could not be saved')
  })
  cleanups.add('updates', updates, it => it.stop())
  const sockets = new Multimap<Address, SocketUsers>()
  bus.subscribe(event => {
    if (event.kind === 'sessions-ended') subscriptions.endSessions(event)
  })
  bus.subscribe(event => {
    if (event.kind !== 'sessions-ended') return
    for (const socket of [...sockets.get(event.address)]) socket.sessionsEnded(event)
  })
  /** The sessions by which subscriptions live here, and users are online. */
  const liveSessions = () => {
    const ofSockets = sockets.values().flatMap(socket => socket.sessions())
    return [...subscriptions.sessions(), ...ofSockets]
  }
  /** Ends what lives by a session that is over, by an event that was lost or by its age. In passthrough they are the homeserver's. */
  const checkSessions = async (): Promise<void> => {
    for (const socket of new Set(sockets.values())) socket.endExpired(now())
    if (config.matrix?.mode === 'passthrough') return
    await sessions.revalidate(liveSessions())
  }
  bus.subscribe(event => {
    if (event.kind !== 'messages-lost') return
    checkSessions().catch(error => logger.warn({ err: error }, 'Sessions could not be checked again'))
  })
  const { online, locations } = presence
  const { maxFriends } = limits
  const connectivity = new Connectivity({ friendIndex, presence: online, subscriptions, queueSize, maxFriends })
  cleanups.add('connectivity', connectivity, it => it.close())
  const friendLocations = new FriendLocations({
    friendIndex,
    presence: online,
    locations,
    subscriptions,
    maxMessageBytes: limits.maxAnswerBytes - FRAME_OVERHEAD
  })
  cleanups.add('friend locations', friendLocations, it => it.close())
  return {
    friends,
    limits: rates.actions,
    limitReached: rates.reached,
    channelCreations: rates.channels,
    sessions,
    openRequests: new OpenRequests(),
    signedFetches,
    settings: new Settings(settings, rates.settings),
    mutes: new Mutes({ store: mutes, limit: rates.mutes, now }),
    blocks: new Blocks(shownBlocks, friends),
    relations,
    connectivity,
    friendLocations,
    presence: presence.local,
    online,
    locations,
    profiles,
    subscriptions,
    updates,
    verifier,
    /** By the users whom they keep online. */
    sockets,
    liveSessions,
    checkSessions,
    warnings: presence.warnings
  }
}
