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

// Why a call needs no rule. What a user of the other's reads or writes with it decides.
const PUBLIC = 'Shows what channels say of themselves to everybody'
const NAMES_ONLY = 'Says which room a name stands for, and nothing of the room'
const OWN = 'Is read by its user alone: the homeserver lets nobody else at it'
const OF_EVERYBODY = 'What users say of themselves to everybody, to be found by; it reaches only who asks for it'
const OF_SERVER = 'About the homeserver, the same for every user'
const UPLOAD = 'Nobody finds what was uploaded before its id was sent to them'
const OF_SESSION = 'About the session of the token that asks'

const room = (rest: string): string => `rooms/{roomId}/${rest}`

const ROOMS = [
  ...withTxn('createRoom', { rule: 'createRoom', body: 'read' }),
  ...withTxn('join/{roomIdOrAlias}', { rule: 'join', body: 'read' }),
  ...withTxn(room('join'), { rule: 'join', body: 'read' }),
  ...withTxn(room('invite'), { rule: 'invite', body: 'read' }),
  ...withTxn(room('leave'), { rule: 'leave', body: 'read' }),
  ...withTxn(room('send/{eventType}'), { rule: 'message', query: DELAYS }),
  route('PUT', room('state/{eventType}'), { rule: 'state', body: 'read', query: DELAYS }),
  route('PUT', room('state/{eventType}/{stateKey}'), { rule: 'state', body: 'read', query: DELAYS }),
  route('POST', room('upgrade'), { rule: 'upgrade' }),
  route('POST', 'knock/{roomIdOrAlias}', { rule: 'knock' }),
  route('POST', room('knock'), { rule: 'knock' }),
  route('PUT', 'directory/room/{alias}', { rule: 'createAlias' }),
  route('GET', 'directory/room/{alias}', { reason: NAMES_ONLY }),
  route('GET', 'publicRooms', { reason: PUBLIC, query: ['limit', 'since'] }),
  route('POST', 'publicRooms', { reason: PUBLIC }),
  route('GET', 'joined_rooms', { reason: OWN }),
  route('GET', room('state'), { rule: 'readEvent' }),
  route('GET', room('state/{eventType}'), { rule: 'readEvent', query: ['format'] }),
  route('GET', room('state/{eventType}/{stateKey}'), { rule: 'readEvent', query: ['format'] }),
  route('GET', room('members'), { rule: 'readEvents', query: ['at', 'membership', 'not_membership'] }),
  route('GET', room('joined_members'), { rule: 'readEvents' }),
  route('GET', room('aliases'), { reason: NAMES_ONLY }),
  route('GET', room('messages'), { rule: 'readEvents', query: PAGE }),
  route('GET', room('context/{eventId}'), { rule: 'readEvents', query: ['limit', 'filter'] }),
  route('GET', room('event/{eventId}'), { rule: 'readEvent' }),
  route('GET', room('relations/{eventId}'), { rule: 'readEvents', query: RELATIONS }),
  route('GET', room('relations/{eventId}/{relationType}'), { rule: 'readEvents', query: RELATIONS }),
  route('GET', room('relations/{eventId}/{relationType}/{eventType}'), { rule: 'readEvents', query: RELATIONS }),
  route('GET', room('threads'), { rule: 'readEvents', query: ['from', 'limit', 'include'] }),
  route('PUT', room('typing/{userId}'), { rule: 'typing', body: 'read' }),
  route('POST', room('receipt/{receiptType}/{eventId}'), { rule: 'receipt' }),
  route('POST', room('read_markers'), { rule: 'readMarkers', body: 'read' })
]

const USERS = [
  route('GET', 'sync', { rule: 'sync', answer: 'poll', query: SYNC }),
  route('POST', 'user/{userId}/filter', { reason: OWN }),
  route('GET', 'user/{userId}/filter/{filterId}', { reason: OWN }),
  route('GET', 'user/{userId}/account_data/{dataType}', { reason: OWN }),
  route('PUT', 'user/{userId}/account_data/{dataType}', { reason: OWN }),
  route('GET', 'user/{userId}/rooms/{roomId}/account_data/{dataType}', { reason: OWN }),
  route('PUT', 'user/{userId}/rooms/{roomId}/account_data/{dataType}', { reason: OWN }),
  route('GET', 'profile/{userId}', { reason: OF_EVERYBODY }),
  route('GET', 'profile/{userId}/displayname', { reason: OF_EVERYBODY }),
  route('PUT', 'profile/{userId}/displayname', { reason: OF_EVERYBODY }),
  route('GET', 'profile/{userId}/avatar_url', { reason: OF_EVERYBODY }),
  route('PUT', 'profile/{userId}/avatar_url', { reason: OF_EVERYBODY }),
  route('GET', 'presence/{userId}/status', { rule: 'seePresence' }),
  route('PUT', 'presence/{userId}/status', { rule: 'setPresence', body: 'read' }),
  route('POST', 'user_directory/search', { reason: OF_EVERYBODY }),
  route('GET', 'pushrules', { reason: OWN }),
  route('GET', 'pushrules/', { reason: OWN }),
  route('GET', 'pushrules/global/', { reason: OWN }),
  route('GET', 'capabilities', { reason: OF_SERVER }),
  route('GET', 'voip/turnServer', { reason: OF_SERVER }),
  route('GET', 'versions', { reason: OF_SERVER, prefixes: ['client'], access: 'anyone' })
]

const THUMBNAIL = { rule: 'media', answer: 'media', query: ['width', 'height', 'method', 'animated'] } as const
const DOWNLOAD = { rule: 'media', answer: 'media' } as const

/** Media by the old paths need no token: browsers fetch them for a page. */
const MEDIA = [
  route('POST', 'upload', { reason: UPLOAD, prefixes: MEDIA_PREFIXES, body: 'media', query: ['filename'] }),
  route('GET', 'config', { reason: OF_SERVER, prefixes: MEDIA_PREFIXES }),
  route('GET', 'media/config', { reason: OF_SERVER }),
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
  route('GET', 'login', { reason: OF_SERVER, access: 'anyone' }),
  route('POST', 'login', { access: 'anyone', rule: 'login', body: 'read' }),
  route('GET', 'account/whoami', { reason: OF_SESSION }),
  route('POST', 'logout', { rule: 'logout', body: 'none' }),
  route('POST', 'logout/all', { rule: 'logoutAll', body: 'none' })
]
