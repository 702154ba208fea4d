import { MEDIA_PREFIXES } from './path.ts'
import { type Route, type RouteOptions, route } from './route.ts'

/** A call that some homeservers also take with a transaction id behind its path, and then with PUT. */
const withTxn = (pattern: string, options: RouteOptions): Route[] => [
  route('POST', pattern, options),
  route('PUT', `${pattern}/{txnId}`, options)
]

const PAGE = ['from', 'to', 'dir', 'limit', 'filter']
const RELATIONS = [...PAGE, 'recurse']
const SYNC = ['filter', 'since', 'full_state', 'set_presence', 'timeout', 'use_state_after']
/** Of sending: whether the event is to be sent later (MSC4140), which is refused. */
export const DELAYS = ['org.matrix.msc4140.delay', 'org.matrix.msc4140.parent_delay_id', 'delay']

const room = (rest: string): string => `rooms/{roomId}/${rest}`

const ROOMS = [
  ...withTxn('createRoom', { rule: 'createRoom', body: 'read' }),
  ...withTxn('join/{roomIdOrAlias}', { rule: 'join', body: 'read' }),
  ...withTxn(room('join'), { rule: 'join', body: 'read' }),
  ...withTxn(room('invite'), { rule: 'invite', body: 'read' }),
  ...withTxn(room('leave'), {}),
  ...withTxn(room('send/{eventType}'), { rule: 'message', query: DELAYS }),
  route('PUT', room('state/{eventType}'), { rule: 'state', body: 'read', query: DELAYS }),
  route('PUT', room('state/{eventType}/{stateKey}'), { rule: 'state', body: 'read', query: DELAYS }),
  route('POST', room('upgrade'), { rule: 'upgrade' }),
  route('POST', 'knock/{roomIdOrAlias}', { rule: 'knock' }),
  route('POST', room('knock'), { rule: 'knock' }),
  route('PUT', 'directory/room/{alias}', { rule: 'createAlias' }),
  route('GET', 'directory/room/{alias}'),
  route('GET', 'publicRooms', { query: ['limit', 'since'] }),
  route('POST', 'publicRooms'),
  route('GET', 'joined_rooms'),
  route('GET', room('state')),
  route('GET', room('state/{eventType}'), { query: ['format'] }),
  route('GET', room('state/{eventType}/{stateKey}'), { query: ['format'] }),
  route('GET', room('members'), { query: ['at', 'membership', 'not_membership'] }),
  route('GET', room('joined_members')),
  route('GET', room('aliases')),
  route('GET', room('messages'), { query: PAGE }),
  route('GET', room('context/{eventId}'), { query: ['limit', 'filter'] }),
  route('GET', room('event/{eventId}')),
  route('GET', room('relations/{eventId}'), { query: RELATIONS }),
  route('GET', room('relations/{eventId}/{relationType}'), { query: RELATIONS }),
  route('GET', room('relations/{eventId}/{relationType}/{eventType}'), { query: RELATIONS }),
  route('GET', room('threads'), { query: ['from', 'limit', 'include'] }),
  route('PUT', room('typing/{userId}')),
  route('POST', room('receipt/{receiptType}/{eventId}')),
  route('POST', room('read_markers'))
]

const USERS = [
  route('GET', 'sync', { answer: 'poll', query: SYNC }),
  route('POST', 'user/{userId}/filter'),
  route('GET', 'user/{userId}/filter/{filterId}'),
  route('GET', 'user/{userId}/account_data/{dataType}'),
  route('PUT', 'user/{userId}/account_data/{dataType}'),
  route('GET', 'user/{userId}/rooms/{roomId}/account_data/{dataType}'),
  route('PUT', 'user/{userId}/rooms/{roomId}/account_data/{dataType}'),
  route('GET', 'profile/{userId}'),
  route('GET', 'profile/{userId}/displayname'),
  route('PUT', 'profile/{userId}/displayname'),
  route('GET', 'profile/{userId}/avatar_url'),
  route('PUT', 'profile/{userId}/avatar_url'),
  route('GET', 'presence/{userId}/status', { rule: 'seePresence' }),
  route('PUT', 'presence/{userId}/status', { rule: 'setPresence', body: 'read' }),
  route('POST', 'user_directory/search'),
  route('GET', 'pushrules'),
  route('GET', 'pushrules/'),
  route('GET', 'pushrules/global/'),
  route('GET', 'capabilities'),
  route('GET', 'voip/turnServer'),
  route('GET', 'versions', { prefixes: ['client'], access: 'anyone' })
]

const THUMBNAIL = { rule: 'media', answer: 'media', query: ['width', 'height', 'method', 'animated'] } as const
const DOWNLOAD = { rule: 'media', answer: 'media' } as const

/** Media by the old paths need no token: browsers fetch them for a page. */
const MEDIA = [
  route('POST', 'upload', { prefixes: MEDIA_PREFIXES, body: 'media', query: ['filename'] }),
  route('GET', 'config', { prefixes: MEDIA_PREFIXES }),
  route('GET', 'media/config'),
  ...(['', 'media/'] as const).flatMap(path => {
    const how = path === '' ? ({ prefixes: MEDIA_PREFIXES, access: 'anyone' } as const) : {}
    return [
      route('GET', `${path}download/{serverName}/{mediaId}`, { ...DOWNLOAD, ...how }),
      route('GET', `${path}download/{serverName}/{mediaId}/{fileName}`, { ...DOWNLOAD, ...how }),
      route('GET', `${path}thumbnail/{serverName}/{mediaId}`, { ...THUMBNAIL, ...how })
    ]
  })
]

/** Everything that is forwarded to the homeserver: what is not in here does not exist. */
export const ROUTES: readonly Route[] = [...ROOMS, ...USERS, ...MEDIA]

/** What is forwarded too where it is the homeserver that checks logins. */
export const SESSION_ROUTES: readonly Route[] = [
  route('GET', 'login', { access: 'anyone' }),
  route('POST', 'login', { access: 'anyone', rule: 'login', body: 'read' }),
  route('GET', 'account/whoami'),
  route('POST', 'logout', { rule: 'logout', body: 'none' }),
  route('POST', 'logout/all', { rule: 'logoutAll', body: 'none' })
]
