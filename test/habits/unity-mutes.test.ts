import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWallet, type Wallet } from '../../demo/wallet.ts'
import type { Env } from '../env/app.ts'
import { startService } from '../env/rest.ts'
import { signedHeaders } from '../env/signed-fetch.ts'
import { newUsers } from '../storage/stores.ts'

/**
 * Who is muted in the voice chat around, as the Unity explorer keeps it: decentraland/unity-explorer at
 * 6dd818f4d881de968460647d6b332583e8708910, Explorer/Assets/DCL/VoiceChat/NearbyVoiceChat/MutePersistence/
 * RestNearbyMuteRepository.cs for the calls, and Explorer/Assets/DCL/WebRequests/WebRequestSignInfo.cs for what is
 * signed: method, path without the query, time, `{}`.
 */
class UnityMutes {
  readonly #url: string
  readonly #wallet: Wallet
  readonly offsets: number[] = []
  /** Unix milliseconds: nobody presses a button twice within one. */
  #lastSignedAt = 0

  constructor(httpUrl: string, wallet: Wallet) {
    this.#url = `${httpUrl}/v1/mutes`
    this.#wallet = wallet
  }

  /** Page after page, by as many entries as came; not more than a hundred pages. */
  async all(): Promise<string[]> {
    const muted: string[] = []
    for (let page = 0; page < 100; page += 1) {
      const offset = muted.length
      this.offsets.push(offset)
      const response = await this.#send('get', `?limit=100&offset=${offset}`)
      const { data } = (await response.json()) as { data: { results: { address: string }[] | null; total: number } }
      if (data.results === null || data.results.length === 0) break
      muted.push(...data.results.map(({ address }) => address))
      if (muted.length >= data.total) break
    }
    return muted
  }

  async mute(address: string): Promise<void> {
    await this.#send('post', '', { muted_address: address })
  }

  async unmute(address: string): Promise<void> {
    await this.#send('delete', '', { muted_address: address })
  }

  /** Fails on any status that is not of success, as UnityWebRequest does. */
  async #send(method: string, query: string, body?: object): Promise<Response> {
    this.#lastSignedAt = Math.max(Date.now(), this.#lastSignedAt + 1)
    const signed = { timestamp: this.#lastSignedAt }
    const response = await fetch(this.#url + query, {
      method: method.toUpperCase(),
      headers: {
        ...signedHeaders(this.#wallet, method, new URL(this.#url).pathname, signed),
        ...(body && { 'content-type': 'application/json' })
      },
      ...(body && { body: JSON.stringify(body) })
    })
    if (!response.ok) throw new Error(`${method} was answered ${response.status} ${await response.text()}`)
    return response
  }
}

let env: Env
beforeAll(async () => {
  env = await startService()
})
afterAll(() => env.stop())

it('finds its mutes again after a restart, in any number', async () => {
  const wallet = await createWallet()
  const first = new UnityMutes(env.app.httpUrl, wallet)
  expect(await first.all()).toEqual([])
  const muted = newUsers(205)
  for (const address of muted) await first.mute(address)
  const [again = '', over = ''] = muted
  await first.mute(again)
  await first.unmute(over)
  await first.unmute(over)

  const second = new UnityMutes(env.app.httpUrl, wallet)
  expect((await second.all()).sort()).toEqual(muted.filter(address => address !== over).sort())
  expect(second.offsets).toEqual([0, 100, 200])
})
