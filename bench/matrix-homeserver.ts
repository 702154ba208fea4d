import { createServer } from 'node:http'
import { listenOnFreePort } from '../test/env/ports.ts'

/** Something in place of a homeserver that does nothing and says at once that it did: what is left is our own cost. */
export async function startQuickHomeserver(): Promise<{ url: string } & AsyncDisposable> {
  let rooms = 0
  const answerTo = (method: string, path: string): object => {
    if (path.endsWith('/whoami')) return { user_id: '@social-service:localhost' }
    if (path.endsWith('/createRoom')) return { room_id: `!${++rooms}` }
    if (path.includes('/join/')) return { room_id: '!room' }
    if (path.endsWith('/members')) return { chunk: [] }
    if (method === 'PUT' && (path.includes('/state/') || path.includes('/send/'))) return { event_id: '$event' }
    return {}
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const answer = answerTo(request.method ?? '', (request.url ?? '').split('?', 1)[0]!)
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  })
  const port = await listenOnFreePort(server)
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    }
  }
}
