import { parseArgs } from 'node:util'
import { chat } from './chat.ts'
import { explorers } from './explorers.ts'
import { friendships } from './friendships.ts'
import { secondProtocol } from './second-protocol.ts'
import { Stage } from './stage.ts'
import { Steps } from './steps.ts'

/*
 * Shows the main job of the service: starts one on an embedded database that is gone afterwards, and lets real wallets
 * become friends through the published clients, a line for each step. `npm run demo`; or `npm run demo -- --explorers` for clients
 * that behave as the explorers do, and a webhook; or `npm run demo -- --matrix` for a friendship and a chat in front of a
 * real Synapse. The exit code is 1 when a step failed.
 */

const steps = new Steps()
const closing: (() => Promise<void>)[] = []
// A client of Matrix that has left keeps a timer for two minutes, which nobody should wait for.
process.exit(await main())

/** @returns the exit code */
async function main(): Promise<number> {
  try {
    const flag = { type: 'boolean', default: false } as const
    const { values } = parseArgs({ options: { matrix: flag, explorers: flag } })
    if (values.matrix) await chat(steps, closing)
    else if (values.explorers) await explorers(steps, closing)
    else await friends()
  } catch (error) {
    console.error(`✗ ${steps.current}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const close of closing.reverse()) await close()
  }
  console.log(`Done in ${steps.elapsed()}.`)
  return 0
}

async function friends(): Promise<void> {
  const stage = await steps.run('The service starts on an embedded database', () => Stage.open(steps))
  closing.push(() => stage.close())
  const { alice, toAlice } = await friendships(stage)
  await secondProtocol(stage, alice, toAlice)
}
