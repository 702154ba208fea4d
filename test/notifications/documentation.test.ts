import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { freePort } from '../env/ports.ts'
import { startService } from '../env/rest.ts'
import { findProgram, ServerProcess } from '../env/server-process.ts'
import { until } from '../env/until.ts'
import { connectV2 } from '../env/v2.ts'

const RECEIVER = /<!-- receiver:start -->\n```(\w+)\n(.*?)```\n<!-- receiver:end -->/gs
/** How a receiver of the documentation is started, by the language of its code. */
const PROGRAMS: Readonly<Record<string, { file: string; command: readonly string[] } | undefined>> = {
  ts: { file: 'receiver.ts', command: [process.execPath, '--import', 'tsx'] },
  python: { file: 'receiver.py', command: [findProgram('python3') ?? 'python3', '-B'] }
}

describe('the documentation of integrations', () => {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const started: ServerProcess[] = []

  afterAll(() => Promise.all(started.map(it => it.stop('SIGKILL'))))

  it('has receivers of webhooks that take what is signed, and nothing else', async () => {
    const receivers = new Map<string, { url: string; process: ServerProcess }>()
    for (const [, language = '', code = ''] of (await readFile('docs/integrations.md', 'utf8')).matchAll(RECEIVER)) {
      receivers.set(language, await start(language, code))
    }
    expect([...receivers.keys()]).toEqual(['ts', 'python'])
    const names = [...receivers].map(([language, { url }]) => [language, url] as const)
    await using env = await startService({
      WEBHOOKS: names.map(([name, url]) => `${name}=${url}`).join(', '),
      WEBHOOK_SECRETS: names.map(([name]) => `${name}=${secret}`).join(', '),
      WEBHOOK_EVENTS: names.map(([name]) => `${name}=friendship.requested`).join(', ')
    })
    const [alice, bob] = [await connectV2(env), await connectV2(env)]
    const user = { address: bob.address }
    await alice.service.upsertFriendship({ action: { $case: 'request', request: { user } } })
    const told = `friendship.requested ${alice.address} ${bob.address}\n`
    for (const [language, { url, process }] of receivers) {
      await until(() => process.output.includes(told), `the receiver in ${language} was told`)
      const body = JSON.stringify({ type: 'friendship.accepted', data: { actor: 'nobody', target: 'nobody' } })
      const timestamp = String(Math.floor(Date.now() / 1000))
      const headers = { 'webhook-id': 'forged', 'webhook-timestamp': timestamp, 'webhook-signature': 'v1,Zm9yZ2Vk' }
      expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(400)
      expect((await fetch(url, { method: 'POST', body })).status).toBe(400)
      expect(process.output).not.toContain('nobody')
    }
  })

  async function start(language: string, code: string): Promise<{ url: string; process: ServerProcess }> {
    const program = PROGRAMS[language]
    if (!program) throw new Error(`Nothing is known that runs ${language}`)
    // Among the folders of this repository, so that it finds its packages.
    const folder = join(inject('runFolder'), 'receivers')
    await mkdir(folder, { recursive: true })
    const path = join(folder, program.file)
    await writeFile(path, code)
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/`
    const isReady = () =>
      fetch(url, { method: 'POST' }).then(
        () => true,
        () => false
      )
    const env = { SECRET: secret, PORT: String(port) }
    const process = new ServerProcess([...program.command, path], isReady, { env })
    started.push(process)
    await process.start()
    return { url, process }
  }
})
