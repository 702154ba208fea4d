import type { FastifyInstance } from 'fastify'
import type { Admission } from '../admission/admission.ts'
import type { UserLimits } from '../admission/user-limits.ts'
import { TokenSeal } from '../auth/tokens.ts'
import type { Bus } from '../cluster/bus.ts'
import type { Config } from '../config/config.ts'
import { FriendshipStateEvents } from '../friendships/state-event.ts'
import { friendshipStateRoutes } from '../http/matrix/friendship-state.ts'
import { loginRoutes } from '../http/matrix/login.ts'
import { sessionRoutes } from '../http/matrix/session.ts'
import { versionRoutes } from '../http/matrix/versions.ts'
import { Accounts } from '../matrix/client/accounts.ts'
import { HomeserverClient } from '../matrix/client/client.ts'
import { HomeserverCheck, type HomeserverCheckDeps } from '../matrix/client/homeserver-check.ts'
import { MatrixIds } from '../matrix/client/ids.ts'
import { matrixProxy } from '../matrix/proxy/proxy.ts'
import { ROUTES, SESSION_ROUTES } from '../matrix/proxy/routes.ts'
import { SessionRules } from '../matrix/proxy/rules/sessions.ts'
import { PairRoomCreator } from '../matrix/rooms/pair-room-creator.ts'
import type { Logger } from '../observability/logger.ts'
import { AppserviceSessions } from '../sessions/appservice-sessions.ts'
import type { Authenticator } from '../sessions/authenticator.ts'
import { PassthroughSessions } from '../sessions/passthrough-sessions.ts'
import type { Database } from '../storage/db/database.ts'
import { MatrixAccountStore } from '../storage/matrix-accounts.ts'
import { MatrixSessionStore } from '../storage/matrix-sessions.ts'
import type { Cleanups } from './cleanups.ts'
import { OUTBOX_OPTIONS } from './matrix-outbox.ts'
import { createProxy } from './proxy.ts'
import type { Social } from './social.ts'

interface MatrixDeps {
  readonly config: Config
  readonly logger: Logger
  readonly admission: Admission
  readonly userLimits: UserLimits
  readonly db: Database
  readonly bus: Bus
  readonly social: Social
}

/** What there is of Matrix in the configured mode. */
export interface Matrix {
  /** Knows whose access tokens they are. */
  readonly authenticator: Authenticator
  /** Of users on the homeserver; null where this service cannot create any. */
  readonly accounts: Accounts | null
  /** What is wrong with the homeserver, for who asks whether the service is ready. */
  readonly warnings: Readonly<Record<string, () => string | null>>
  /** Adds the routes under `/_matrix`. */
  register(app: FastifyInstance): Promise<void>
}

type Mode<Name> = Extract<NonNullable<Config['matrix']>, { mode: Name }>

/** Connections for calls of the service itself, beside those that hand requests on. */
const CONNECTIONS = 32

export function createMatrix(deps: MatrixDeps, cleanups: Cleanups): Matrix {
  const { matrix } = deps.config
  if (matrix === null) return standalone(deps)
  if (matrix.mode === 'appservice') return appservice(deps, matrix, cleanups)
  return passthrough(deps, matrix, cleanups)
}

/** No homeserver: logins and friendships, and nothing else of Matrix. */
function standalone({ config, admission, userLimits, social }: MatrixDeps): Matrix {
  const { sessions, openRequests, friends } = social
  const users = { sessions, openRequests, admission, userLimits }
  const ids = new MatrixIds(config.serverName)
  return {
    authenticator: sessions,
    accounts: null,
    warnings: {},
    register: async app => {
      const prefixes = ['r0', 'v3']
      await app.register(versionRoutes)
      await app.register(loginRoutes, { sessions, admission, ids, publicUrl: config.publicHttpUrl, prefixes })
      await app.register(sessionRoutes, { ...users, ids, prefixes })
      const stateEvents = new FriendshipStateEvents(friends, ids)
      await app.register(friendshipStateRoutes, { ...users, stateEvents, ids })
    }
  }
}

/** A homeserver that trusts this service: who logs in here is somebody there. */
function appservice(deps: MatrixDeps, matrix: Mode<'appservice'>, cleanups: Cleanups): Matrix {
  const { config, logger, admission, userLimits, db, bus, social } = deps
  const homeserver = createClient(config, matrix.asToken, matrix, cleanups)
  const accounts = createAccounts(deps, matrix, cleanups)
  const check = startCheck({ homeserver, use: matrix, logger }, cleanups)
  const sessions = new AppserviceSessions({
    sessions: social.sessions,
    store: new MatrixSessionStore(db),
    seal: new TokenSeal(matrix.tokenKey, 'matrix-session'),
    homeserver,
    accounts,
    bus,
    tokenCacheSize: config.tokens.cacheSize,
    onError: (error, what) =>
      logger.warn({ err: error }, `A session of the homeserver could not be brought to its ${what}`)
  })
  const { ids } = homeserver
  const proxy = createProxy({ ...deps, matrix, pairRooms: new PairRoomCreator(homeserver, accounts) }, cleanups)
  return {
    authenticator: sessions,
    accounts,
    warnings: { homeserver: () => check.problem },
    register: async app => {
      const prefixes = ['r0', 'v3', 'v1', 'unstable', 'api/v1']
      await app.register(loginRoutes, { sessions, admission, ids, publicUrl: config.publicHttpUrl, prefixes })
      const { openRequests } = social
      await app.register(sessionRoutes, { sessions, openRequests, admission, userLimits, ids, prefixes })
      await app.register(matrixProxy, { ...proxy, auth: sessions, routes: ROUTES })
    }
  }
}

/** A homeserver that checks logins itself. */
function passthrough(deps: MatrixDeps, matrix: Mode<'passthrough'>, cleanups: Cleanups): Matrix {
  const { config, logger, bus, social } = deps
  const homeserver = createClient(config, null, matrix, cleanups)
  const check = startCheck({ homeserver, use: matrix, logger }, cleanups)
  const sessions = new PassthroughSessions({
    homeserver,
    bus,
    tokenKey: matrix.tokenKey,
    cacheSize: config.tokens.cacheSize,
    activeSessions: social.liveSessions,
    onForeignUser: userId => check.foundServer(userId)
  })
  const proxy = createProxy(
    { ...deps, matrix, pairRooms: null, onPairName: isReserved => check.foundName(isReserved) },
    cleanups
  )
  const { openRequests } = social
  const { login, logout, logoutAll } = new SessionRules({ sessions, openRequests, ids: homeserver.ids })
  return {
    authenticator: sessions,
    accounts: null,
    warnings: { homeserver: () => check.problem },
    register: async app => {
      await app.register(matrixProxy, {
        ...proxy,
        auth: sessions,
        routes: [...SESSION_ROUTES, ...ROUTES],
        rules: { ...proxy.rules, logout, logoutAll },
        publicRules: { ...proxy.publicRules, login }
      })
    }
  }
}

function startCheck(deps: HomeserverCheckDeps, cleanups: Cleanups): HomeserverCheck {
  const check = cleanups.add('check of the homeserver', new HomeserverCheck(deps), it => it.stop())
  check.start()
  return check
}

/** With connections of their own, and calls that are over before a lease of the outbox is. */
function createAccounts({ config, db }: MatrixDeps, matrix: Mode<'appservice'>, cleanups: Cleanups): Accounts {
  const { homeserverUrl, asToken } = matrix
  const timeoutMs = Math.min(matrix.timeoutMs, OUTBOX_OPTIONS.callMs)
  const homeserver = createClient(config, asToken, { homeserverUrl, timeoutMs }, cleanups)
  return new Accounts(homeserver, new MatrixAccountStore(db))
}

function createClient(
  { serverName }: Config,
  asToken: string | null,
  { homeserverUrl, timeoutMs }: Pick<NonNullable<Config['matrix']>, 'homeserverUrl' | 'timeoutMs'>,
  cleanups: Cleanups
): HomeserverClient {
  const options = { url: homeserverUrl, timeoutMs, connections: CONNECTIONS, serverName, asToken }
  return cleanups.add('homeserver', new HomeserverClient(options), it => it.close())
}
