import { once } from 'node:events'
import { resolve } from 'node:path'
import { type App, createApp } from '../app.ts'
import { type Config, ConfigError, loadConfig } from '../config.ts'
import { createLogger } from '../observability/logger.ts'
import { DataInUseError } from '../storage/data-lock.ts'

/**
 * Runs the service until SIGINT or SIGTERM, then lets what is open finish; a second signal ends it at once.
 * @returns the exit code: 0 after a clean end, 1 when it could not start
 */
export async function serve(): Promise<number> {
  let app: App
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stopping.abort())
  try {
    const config = loadConfig()
    const logger = createLogger(config.log)
    for (const warning of config.warnings) logger.warn(warning)
    app = await createApp(config, { logger })
    console.log(banner(config, app))
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof DataInUseError)) throw error
    console.error(error.message)
    return 1
  }
  if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
  await app.stop()
  return 0
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
