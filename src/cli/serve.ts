import { resolve } from 'node:path'
import { type App, createApp } from '../app/app.ts'
import { type Config, loadConfig } from '../config/config.ts'
import { createLogger } from '../observability/logger.ts'
import { checkDatabase } from './database-check.ts'
import { descriptorWarning } from './descriptors.ts'
import { reportUserError } from './user-error.ts'

/**
 * Runs the service until SIGINT or SIGTERM, then lets what is open finish; a second signal ends it at once.
 * @returns the exit code: 0 after a clean end, 1 when it could not start
 */
export async function serve(): Promise<number> {
  const stopRequest = stopRequested()
  const app = await reportUserError(start)
  if (app === null) return 1
  await stopRequest
  await app.stop()
  return 0
}

async function start(): Promise<App> {
  const config = loadConfig()
  const logger = createLogger(config.log)
  const descriptors = descriptorWarning(config)
  for (const warning of [...config.warnings, ...(descriptors ? [descriptors] : [])]) logger.warn(warning)
  await checkDatabase(config)
  const app = await createApp(config, { logger })
  console.log(banner(config, app))
  return app
}

/**
 * With Ctrl-C the terminal signals this process and npm, which passes the signal on in the same moment: that is one
 * signal, not two. In milliseconds.
 */
const SAME_SIGNAL_MS = 300

/** Resolves at the first signal, from now on; the second one ends the process at once, whatever it is waiting for. */
function stopRequested(): Promise<void> {
  return new Promise(resolve => {
    let firstAt: number | null = null
    const onSignal = (): void => {
      firstAt ??= performance.now()
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, onSignal)
  })
}

function banner({ database, dataDir, matrix, environment }: Config, { httpUrl, rpcUrl }: App): string {
  return [
    'The Social Service is ready.',
    `  HTTP   ${httpUrl}   (routes: ${httpUrl}/docs)`,
    `  RPC    ${rpcUrl}`,
    `  Mode   ${environment}, Matrix ${matrix?.mode ?? 'standalone'}`,
    `  Data   ${database.url === null ? `${resolve(dataDir)} (embedded)` : 'PostgreSQL'}`
  ].join('\n')
}
