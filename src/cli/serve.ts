import { resolve } from 'node:path'
import { type App, createApp } from '../app.ts'
import { type Config, ConfigError, loadConfig } from '../config.ts'
import { SocialError } from '../domain/errors.ts'
import { createLogger } from '../observability/logger.ts'
import { DataInUseError } from '../storage/data-lock.ts'
import { SchemaError } from '../storage/migrator.ts'

/**
 * Runs the service until SIGINT or SIGTERM, then lets what is open finish; a second signal ends it at once.
 * @returns the exit code: 0 after a clean end, 1 when it could not start
 */
export async function serve(): Promise<number> {
  let app: App
  const told = toldToStop()
  try {
    const config = loadConfig()
    const logger = createLogger(config.log)
    for (const warning of config.warnings) logger.warn(warning)
    app = await createApp(config, { logger })
    console.log(banner(config, app))
  } catch (error) {
    const advice = adviceOn(error)
    if (advice === null) throw error
    console.error(advice)
    return 1
  }
  await told
  await app.stop()
  return 0
}

/**
 * Of Ctrl-C the terminal tells this process and npm, which tells it again in the same moment: that is one signal, not
 * two. In milliseconds.
 */
const SAME_SIGNAL_MS = 300

/** Resolves at the first signal, from now on; the second one ends the process at once, whatever it is waiting for. */
function toldToStop(): Promise<void> {
  return new Promise(resolve => {
    let firstAt: number | null = null
    const hear = (): void => {
      firstAt ??= performance.now()
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
      resolve()
    }
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, hear)
  })
}

/** What to tell whoever started the service of why it does not; null of what nobody foresaw. */
export function adviceOn(error: unknown): string | null {
  if (error instanceof ConfigError || error instanceof DataInUseError || error instanceof SchemaError) {
    return error.message
  }
  if (error instanceof SocialError) return 'The database cannot be reached: is it running, and is DATABASE_URL right?'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use: stop what listens there, or set HTTP_PORT or RPC_PORT.`
  return null
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
