import type { Job, Measurement } from '../job.ts'
import { loginBody, user } from '../users.ts'
import { crowd, crowdSize, FRIENDS_OF_EACH } from '../world.ts'
import { UserLists } from './answers.ts'
import { HttpSocket, httpRequest } from './http-socket.ts'
import { cycle, lanes, measure, stock, timed } from './lane.ts'

/** Users whose lists one lane asks for. */
const LISTS_OF_LANE = 50

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
