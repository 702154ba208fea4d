import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Lets a close end: at once for connections without a request, after its answer for each of the others, and
 * at the latest when the grace is over. Node by itself would wait for connections that a browser opened just in case,
 * and keep those alive on which an answer was still being made.
 */
export function closeInTime(app: FastifyInstance, graceMs: () => number): void {
  const idle = new Set<Socket>()
  let timer: NodeJS.Timeout | null = null

  app.server.on('connection', (socket: Socket) => {
    idle.add(socket)
    socket.once('close', () => idle.delete(socket))
  })
  app.server.on('request', ({ socket }, response) => {
    idle.delete(socket)
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket)
    })
  })
  app.addHook('onSend', async (_, reply) => {
    if (timer) reply.header('connection', 'close')
  })
  app.addHook('preClose', async () => {
    timer = setTimeout(() => app.server.closeAllConnections(), graceMs())
    for (const socket of idle) socket.destroy()
  })
  app.addHook('onClose', async () => {
    if (timer) clearTimeout(timer)
  })
}
