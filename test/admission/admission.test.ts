import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Admission, type Budget } from '../../src/admission/admission.ts'
import { until } from '../env/until.ts'

const LIMITS = {
  trustedProxies: [] as string[],
  ipv6Prefix: 64,
  failedLoginsPerMinute: 3,
  framesPerSecond: 10,
  bytesPerSecond: 1_000,
  httpConnections: { total: 10, perKey: 2 },
  rpcConnections: { total: 10, perKey: 2 },
  answerBytes: { total: 1_000, perKey: 600 }
}

function admission(changes: Partial<typeof LIMITS> = {}) {
  const refusals: Budget[] = []
  return { admission: new Admission({ ...LIMITS, ...changes }, budget => refusals.push(budget)), refusals }
}

/** A port, the sockets that it let in, and how to connect to it. */
async function port(accept: (socket: Socket) => boolean) {
  const admitted: Socket[] = []
  const server = createServer(socket => {
    socket.on('error', () => undefined).resume()
    if (accept(socket)) admitted.push(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open: Socket[] = []
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    admitted,
    connect: (localAddress: string): Socket => {
      const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress })
      open.push(socket.on('error', () => undefined).resume())
      return socket
    }
  }
}

describe('the budgets of addresses', () => {
  it('count all addresses of an IPv6 network as one', () => {
    const { failedLogins, addresses } = admission().admission
    const groups = ['2001:db8::1', '2001:db8::2', '2001:DB8:0:0:f::3'].map(ip => addresses.of(ip, undefined).group)
    for (const group of groups) expect(failedLogins.isLevel(group)).toBe(true)
    for (const group of [...groups, '2001:db8::/64']) failedLogins.spend(group)
    expect(failedLogins.isLevel(addresses.of('2001:db8::9', undefined).group)).toBe(false)
    expect(failedLogins.isLevel(addresses.of('2001:db8:0:1::1', undefined).group)).toBe(true)
  })

  it('bound the bytes of answers that are under way, of one address and in all', () => {
    const { answers } = admission().admission
    const first = answers.acquire('a', 500)
    expect(answers.acquire('a', 101)).toEqual({ reached: 'key' })
    expect(answers.acquire('b', 501)).toEqual({ reached: 'total' })
    if ('release' in first) first.release()
    expect(answers.acquire('a', 600)).toHaveProperty('release')
  })

  it('cut the connection that is one too many of its address, and let it in when another is gone', async () => {
    const { admission: all, refusals } = admission()
    const { admitted, connect } = await port(socket => all.rpcConnections.accept(socket))
    const first = connect('127.0.0.2')
    connect('127.0.0.2')
    await until(() => admitted.length === 2, 'the connections are let in')
    const third = connect('127.0.0.2')
    await until(() => third.destroyed, 'it is cut')
    connect('127.0.0.3')
    await until(() => admitted.length === 3, 'the connections are let in')
    expect(refusals).toEqual(['rpc-connections'])
    first.destroy()
    await until(() => admitted.some(socket => socket.destroyed), 'the first connection is gone')
    connect('127.0.0.2')
    await until(() => admitted.length === 4, 'the connections are let in')
  })

  it('count connections of a trusted proxy by the clients that they are for, and not before that is known', async () => {
    const { admission: all, refusals } = admission({ trustedProxies: ['127.0.0.2'] })
    const { admitted, connect } = await port(socket => all.rpcConnections.accept(socket))
    for (let opened = 0; opened < 4; opened++) connect('127.0.0.2')
    await until(() => admitted.length === 4, 'the connections are let in')
    const forClient = admitted.map(socket => all.rpcConnections.acceptForwarded(socket, '192.0.2.1'))
    expect(forClient).toEqual([true, true, false, false])
    expect(refusals).toEqual(['rpc-connections', 'rpc-connections'])
  })
})
