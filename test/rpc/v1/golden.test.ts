import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Env } from '../../env/app.ts'
import { describeEachDatabase } from '../../env/databases.ts'
import { logIn } from '../../env/login.ts'
import { Clock, startOn } from '../../env/service.ts'
import { until } from '../../env/until.ts'
import { record } from './golden/recorder.ts'
import { scenario } from './golden/scenario.ts'
import { formatSession, parseSession, replaced, tokenMask } from './golden/session.ts'
import { NAMES, type Name, walletOf } from './golden/wallets.ts'

const FILE = new URL('./golden/v1-session.txt', import.meta.url)
/** When all of it happens, in unix milliseconds. */
const TIME = Date.UTC(2026, 0, 2, 3, 4, 5)

/** A client that sends and gets bytes, and knows nothing of what they mean. */
class Replayer {
  readonly #socket: WebSocket
  readonly #token: Buffer
  readonly #mask: Buffer
  readonly #got: Buffer[] = []

  private constructor(socket: WebSocket, token: string, mask: Buffer) {
    this.#socket = socket
    this.#token = Buffer.from(token)
    this.#mask = mask
    socket.on('message', (bytes: Buffer) => this.#got.push(bytes))
  }

  static async open(env: Env, name: Name): Promise<Replayer> {
    const token = await logIn(env.app.httpUrl, await walletOf(name))
    const replayer = new Replayer(new WebSocket(env.app.rpcUrl), token, tokenMask(name))
    env.onStop(() => replayer.#socket.terminate())
    await until(() => replayer.#socket.readyState === WebSocket.OPEN, 'the socket is open')
    return replayer
  }

  send(bytes: Buffer): void {
    this.#socket.send(replaced(bytes, this.#mask, this.#token))
  }

  async next(): Promise<string> {
    await until(() => this.#got.length > 0, 'the server answers')
    return this.#got.shift()!.toString('hex')
  }

  get waiting(): number {
    return this.#got.length
  }
}

describeEachDatabase('A recorded session of v1', kind => {
  const clock = new Clock()
  let env: Env
  beforeAll(async () => {
    env = await startOn(kind, {}, clock)
  })
  afterAll(() => env.stop())

  // GOLDEN=record npx vitest run test/rpc/v1-golden.test.ts
  if (process.env['GOLDEN'] === 'record' && kind === 'embedded') {
    test('is recorded anew', async () => {
      clock.at = Date.now()
      const loggedIn = (): void => {
        clock.at = TIME
      }
      writeFileSync(FILE, formatSession(await record(env, loggedIn, scenario)))
      await env.stop()
      env = await startOn(kind, {}, clock)
    })
  }

  test('is answered byte by byte as it was', async () => {
    clock.at = Date.now()
    const replayers = new Map<string, Replayer>()
    for (const name of NAMES) replayers.set(name, await Replayer.open(env, name))
    clock.at = TIME
    let chapter = ''
    let subscribed = 0
    for (const [line, step] of parseSession(readFileSync(FILE, 'utf8')).entries()) {
      if (step.kind === 'remark') {
        chapter = step.text
        continue
      }
      const replayer = replayers.get(step.who)!
      const where = { step: line + 1, who: step.who, chapter }
      if (step.kind === 'sends') replayer.send(step.bytes)
      else if (step.kind === 'gets') {
        expect({ ...where, bytes: await replayer.next() }).toEqual({ ...where, bytes: step.bytes.toString('hex') })
      } else {
        const count = ++subscribed
        await until(async () => (await env.openStreams()) >= count, `${step.who} is subscribed`)
      }
    }
    expect([...replayers.values()].map(({ waiting }) => waiting)).toEqual([0, 0, 0])
  })
})
