import { createServer } from 'node:http'
import type { TestProject } from 'vitest/node'
import { listenOnFreePort } from '../ports.ts'
import { PASSTHROUGH_HOMESERVER } from './configuration.ts'
import { type Synapse, type SynapseAccess, startSynapse } from './homeserver.ts'
import { ensureSynapse } from './installation.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A server of the process of the test run, by which test files share its Synapse. */
    synapseUrl: string
  }
}

/** What that server answers. */
export type Answer<T> = { readonly value: T } | { readonly error: string }

/** By the mode of the service that they are for. */
const SHARED = { appservice: {}, passthrough: PASSTHROUGH_HOMESERVER }
export type SharedSynapse = keyof typeof SHARED

const BANNER = '!'.repeat(100)

/**
 * Shares a Synapse of each kind in a whole test run: installed and started when the first test file asks for it, stopped
 * at the end. Test files run in processes of their own, so they ask over HTTP; see test/env/synapse.ts.
 */
export default async function shareSynapse(project: TestProject): Promise<() => Promise<void>> {
  let installation: Promise<unknown> | null = null
  const synapses = new Map<SharedSynapse, Promise<Synapse>>()
  let missing: string | null = null

  const answerTo: Record<string, () => Promise<unknown>> = {
    '/available': async () => {
      try {
        installation ??= ensureSynapse()
        await installation
        return true
      } catch (error) {
        if (process.env['CI']) throw error
        missing = String(error)
        return false
      }
    },
    '/appservice': () => access('appservice'),
    '/passthrough': () => access('passthrough')
  }

  async function access(which: SharedSynapse): Promise<SynapseAccess> {
    const synapse = synapses.get(which) ?? startSynapse(SHARED[which])
    synapses.set(which, synapse)
    const { url, serverName, asToken, hsToken, adminSecret } = await synapse
    return { url, serverName, asToken, hsToken, adminSecret }
  }

  const server = createServer(async (request, response) => {
    const answer = await (answerTo[request.url ?? ''] ?? unknownQuestion)().then(
      value => ({ value }),
      (error: unknown) => ({ error: String(error) })
    )
    response.end(JSON.stringify(answer satisfies Answer<unknown>))
  })
  project.provide('synapseUrl', `http://127.0.0.1:${await listenOnFreePort(server)}`)

  return async () => {
    server.close()
    server.closeAllConnections()
    for (const synapse of synapses.values()) await (await synapse.catch(() => null))?.stop()
    if (missing !== null) {
      process.stderr.write(`\n${BANNER}\nTests with a real homeserver were SKIPPED:\n${missing}\n${BANNER}\n`)
    }
  }
}

async function unknownQuestion(): Promise<never> {
  throw new Error('Nobody answers that')
}
