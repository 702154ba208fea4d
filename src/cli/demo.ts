import { createApp } from '../app.ts'
import { readConfig } from '../config.ts'
import { friendships } from './demo/friendships.ts'
import { secondProtocol } from './demo/second-protocol.ts'
import { Stage } from './demo/stage.ts'
import { Steps } from './demo/steps.ts'

const SETTINGS = {
  HOST: '127.0.0.1',
  HTTP_PORT: '0',
  RPC_PORT: '0',
  LOG_LEVEL: 'error',
  // Whoever leaves is offline at once, so that nobody has to wait to see it.
  PRESENCE_GRACE: '0s'
}

/**
 * Shows the main job of the service: it starts one on an embedded database that is gone afterwards, and lets real
 * wallets become friends through the published clients of both protocols. Prints a line for each step.
 * @returns the exit code: 0, or 1 when a step failed
 */
export async function demo(): Promise<number> {
  const steps = new Steps()
  const closing: (() => Promise<void> | void)[] = []
  try {
    const app = await steps.run('The service starts on an embedded database', () =>
      createApp(readConfig(SETTINGS), { inMemory: true })
    )
    closing.push(() => app.stop())
    const stage = new Stage(app, steps)
    closing.push(() => stage.leave())
    const { alice, toAlice } = await friendships(stage)
    await secondProtocol(stage, alice, toAlice)
  } catch (error) {
    console.error(`✗ ${steps.current}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  } finally {
    for (const close of closing.reverse()) await close()
  }
  console.log(`Done in ${steps.elapsed()}.`)
  return 0
}
