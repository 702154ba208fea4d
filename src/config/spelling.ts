import { editDistance } from '../lib/edit-distance.ts'
import type { Definition } from './definition.ts'
import { SETTINGS } from './settings.ts'

/** Every name that a setting can be given by. */
const KNOWN: ReadonlySet<string> = new Set(
  Object.entries<Definition>(SETTINGS).flatMap(([name, { aliases = [] }]) => [name, ...aliases])
)

/** What begins so is meant for this service: a name that no setting has is a mistake, however far it is from one. */
const OWN_PREFIXES = [
  'MATRIX_',
  'WEBHOOK_',
  'DATABASE_',
  'REDIS_',
  'CATALYST_',
  'ETHEREUM_',
  'MAX_',
  'PRESENCE_',
  'NATS_',
  'RESUME_'
] as const

/** Names of other programs that are close to one of ours. */
const OF_OTHERS: ReadonlySet<string> = new Set(['GRPC_PORT', 'HTTPS_PORT'])
/** AWS has many settings of its own, all of which may be there; only those of SNS are like ours alone. */
const OF_AWS = /^AWS_(?!SNS_)/

/** Kubernetes and Docker tell every container about services by such names, of which one may be called `redis`. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?$|_ENV_\w+$/

/** Names of fewer characters are too close to too many others. */
const MIN_LENGTH = 7
/** From so many characters on, two mistakes still leave no doubt. */
const LONG = 12

/** One line for each variable that is meant for this service, it seems, and is none of its settings. */
export function misspelled(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env)
    .filter(name => !KNOWN.has(name) && !isOfOthers(name) && env[name]?.trim())
    .sort()
    .flatMap(name => {
      const meant = closest(name)
      const isOwn = OWN_PREFIXES.some(prefix => name.startsWith(prefix)) && !isServiceLink(name, env[name] ?? '')
      if (meant !== null) return `${name} is no setting of this service: did you mean ${meant}?`
      return isOwn ? `${name} is no setting of this service, though it begins like one: unset it` : []
    })
}

function isOfOthers(name: string): boolean {
  return OF_OTHERS.has(name) || OF_AWS.test(name)
}

function closest(name: string): string | null {
  const upper = name.toUpperCase()
  const candidates = [...KNOWN]
    .filter(known => known.length >= MIN_LENGTH && Math.abs(known.length - upper.length) <= 2)
    .map(known => ({ known, mistakes: editDistance(upper, known) }))
    .filter(({ known, mistakes }) => mistakes <= (known.length >= LONG ? 2 : 1))
    .sort((a, b) => a.mistakes - b.mistakes)
  return candidates[0]?.known ?? null
}

function isServiceLink(name: string, text: string): boolean {
  // A port by itself is a number where somebody means it, and a URL where Kubernetes does.
  return SERVICE_LINK.test(name) && (!/_PORT$/.test(name) || name.endsWith('_SERVICE_PORT') || text.includes('://'))
}
