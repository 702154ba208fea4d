import type { Job, Measurement } from '../job.ts'
import { loginBody, SERVICE_KEY, user } from '../users.ts'
import { crowd, crowdSize, FRIENDS_OF_EACH } from '../world.ts'
import { UserLists } from './answers.ts'
import { HttpSocket, httpRequest } from './http-socket.ts'
import { cycle, lanes, measure, stock, timed } from './lane.ts'

/** Users whose lists one lane asks for. */
const LISTS_OF_LANE = 50
/** Users of whom another service asks, all over the world: more of their rows than fit into the memory of a small database. */
const ANYBODY = 20_000

/** Lists of a hundred friends. */
export async function friends({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const lists = new UserLists(FRIENDS_OF_EACH, body => JSON.parse(Buffer.from(body).toString()).friendships.length)
  const all = await lanes(size.connections, async lane => {
    const socket = new HttpSocket(urls.http)
    const owners = Array.from({ length: LISTS_OF_LANE }, (_, at) =>
      crowd((lane * LISTS_OF_LANE + at) % crowdSize(size))
    )
    const next = cycle(
      owners.map(({ token }) => httpRequest('GET /v1/friendships/me', { authorization: `Bearer ${token}` }))
    )
    return timed(async () => lists.check([await socket.send(next())]))
  })
  return measure(all, seconds, watched)
}

/** Lists of a hundred friends as another service asks for them: of one user after the other, whoever they are. */
export async function friendsOfAnybody({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const authorization = `Bearer ${SERVICE_KEY.text}`
  const asked = Math.min(ANYBODY, crowdSize(size))
  const requests = Array.from({ length: asked }, (_, at) => {
    const { address } = crowd(Math.floor((at * crowdSize(size)) / asked))
    return httpRequest(`GET /v1/users/${address}/friends`, { authorization })
  })
  const next = cycle(requests)
  const all = await lanes(size.connections, async () => {
    const lists = new UserLists(FRIENDS_OF_EACH, body => JSON.parse(Buffer.from(body).toString()).friends.length)
    const socket = new HttpSocket(urls.http)
    return timed(async () => lists.check([await socket.send(next())]))
  })
  return measure(all, seconds, watched)
}

/** Logins. Each is another wallet, whose signatures were made beforehand. */
export async function logins({ urls, size, seconds, watched }: Job): Promise<Measurement> {
  const requests = stock(seconds, at =>
    httpRequest(
      'POST /_matrix/client/r0/login',
      { 'content-type': 'application/json' },
      loginBody(user(`newcomer ${at}`))
    )
  )
  const all = await lanes(size.connections, async () => {
    const socket = new HttpSocket(urls.http)
    const login = timed(() => socket.send(requests.pop()!))
    return async () => (requests.length > 0 ? login() : null)
  })
  return measure(all, seconds, watched)
}
