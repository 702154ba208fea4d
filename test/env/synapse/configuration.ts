import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { registrationYaml } from '../../../src/matrix/client/registration.ts'

/** A Python class that Synapse loads, by its dotted name, and its configuration. */
export interface SynapseModule {
  readonly module: string
  readonly config: Readonly<Record<string, unknown>>
}

/** Logs users in by auth chain, as `MATRIX_MODE=passthrough` expects of the homeserver. */
export const DECENTRALAND_LOGIN: SynapseModule = { module: 'decentraland_login.DecentralandLogin', config: {} }

/** What a homeserver has that checks logins itself, and does not know the service: the aliases of pairs are nobody's. */
export const PASSTHROUGH_HOMESERVER = { modules: [DECENTRALAND_LOGIN], overrides: { app_service_config_files: [] } }

export interface SynapseSettings {
  readonly serverName: string
  readonly port: number
  readonly asToken: string
  readonly hsToken: string
  readonly adminSecret: string
  readonly modules: readonly SynapseModule[]
  /** Settings of Synapse over those of here. */
  readonly overrides: Readonly<Record<string, unknown>>
}

/** The files of a homeserver in a folder. */
export const filesIn = (dir: string) => ({
  configuration: join(dir, 'homeserver.yaml'),
  database: join(dir, 'homeserver.db'),
  log: join(dir, 'homeserver.log'),
  logging: join(dir, 'logging.yaml'),
  registration: join(dir, 'social-service.yaml'),
  signingKey: join(dir, 'signing.key'),
  media: join(dir, 'media')
})

/** Writes everything that Synapse needs but its database. YAML takes JSON as it is. */
export async function writeConfiguration(dir: string, settings: SynapseSettings): Promise<void> {
  const files = filesIn(dir)
  await mkdir(files.media, { recursive: true })
  await writeFile(files.signingKey, `ed25519 a_test ${randomBytes(32).toString('base64').replace('=', '')}\n`)
  await writeFile(files.registration, registrationYaml(settings))
  await writeFile(files.logging, JSON.stringify(logging(files.log)))
  await writeFile(files.configuration, JSON.stringify({ ...configuration(dir, settings), ...settings.overrides }))
}

function configuration(dir: string, { serverName, port, adminSecret, modules }: SynapseSettings) {
  const files = filesIn(dir)
  const listener = { bind_addresses: ['127.0.0.1'], port, type: 'http', tls: false, x_forwarded: true }
  return {
    server_name: serverName,
    listeners: [{ ...listener, resources: [{ names: ['client'] }] }],
    database: { name: 'sqlite3', args: { database: files.database } },
    report_stats: false,
    signing_key_path: files.signingKey,
    media_store_path: files.media,
    log_config: files.logging,
    macaroon_secret_key: 'macaroon',
    form_secret: 'form',
    registration_shared_secret: adminSecret,
    enable_registration: false,
    // As docs/matrix.md advises for a homeserver by itself.
    federation_domain_whitelist: [],
    send_federation: false,
    trusted_key_servers: [],
    presence: { enabled: true },
    user_directory: { enabled: true, search_all_users: true },
    // Both are denied to everybody by default.
    alias_creation_rules: [{ action: 'allow' }],
    room_list_publication_rules: [{ action: 'allow' }],
    app_service_config_files: [files.registration],
    modules,
    ...RATE_LIMITS
  }
}

const UNLIMITED = { per_second: 100_000, burst_count: 100_000 }

const RATE_LIMITS = {
  rc_message: UNLIMITED,
  rc_registration: UNLIMITED,
  rc_login: { address: UNLIMITED, account: UNLIMITED, failed_attempts: UNLIMITED },
  rc_joins: { local: UNLIMITED, remote: UNLIMITED },
  rc_joins_per_room: UNLIMITED,
  rc_invites: { per_room: UNLIMITED, per_user: UNLIMITED, per_issuer: UNLIMITED },
  rc_room_creation: UNLIMITED,
  rc_presence: { per_user: UNLIMITED },
  rc_user_directory: UNLIMITED
}

const logging = (filename: string) => ({
  version: 1,
  formatters: { line: { format: '%(asctime)s %(levelname)s %(name)s %(request)s %(message)s' } },
  filters: { context: { '()': 'synapse.logging.context.LoggingContextFilter' } },
  handlers: { file: { class: 'logging.FileHandler', filename, formatter: 'line', filters: ['context'] } },
  root: { level: 'INFO', handlers: ['file'] },
  disable_existing_loggers: false
})
