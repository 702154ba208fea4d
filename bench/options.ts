import { parseArgs } from 'node:util'

/** What a run measures, and how large the world is in which it does. */
export interface Options {
  /** Measured time of each row, after a warm-up. */
  readonly seconds: number
  /** Names of the scenarios to run; all when it is empty. */
  readonly only: readonly string[]
  /** Operations in flight, and connections of the service to PostgreSQL. */
  readonly connections: number
  /** Sockets that are held open to see what one costs. */
  readonly sockets: number
  /** Friendships that are in the database before the first operation. */
  readonly rows: number
  /** Whether the plans of the main queries are shown; they are when `--rows` was given. */
  readonly plans: boolean
  /** Friendships in each of several worlds that are compared, the smallest first; none unless `--growth` was given. */
  readonly worlds: readonly number[]
  /** How often each row is measured in each of these worlds. */
  readonly rounds: number
  /** A folder for a CPU profile of the service in each scenario, or null. */
  readonly profile: string | null
}

const DEFAULT_ROWS = 50_000
const DEFAULT_WORLDS = '10000,1000000,10000000'

export const USAGE = `npm run bench -- [options]
  --seconds N       measured time of each row (5)
  --only a,b        only these scenarios
  --connections N   operations in flight, and connections to PostgreSQL (20)
  --sockets N       idle sockets to hold open (10000)
  --rows N          friendships to load first (${DEFAULT_ROWS}); shows the query plans too
  --growth          compare what each row takes in worlds of several sizes
  --worlds A,B      friendships in these worlds (${DEFAULT_WORLDS})
  --rounds N        how often each row is measured in each of them (2)
  --profile FOLDER  write a CPU profile of the service for each scenario`

/** @throws TypeError for an unknown option, or one that is not the number it should be */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      connections: { type: 'string', default: '20' },
      sockets: { type: 'string', default: '10000' },
      rows: { type: 'string' },
      growth: { type: 'boolean', default: false },
      worlds: { type: 'string', default: DEFAULT_WORLDS },
      rounds: { type: 'string', default: '2' },
      profile: { type: 'string' }
    }
  })
  return {
    seconds: positive('seconds', values.seconds),
    only: values.only.split(',').filter(name => name !== ''),
    connections: positive('connections', values.connections),
    sockets: positive('sockets', values.sockets),
    rows: values.rows === undefined ? DEFAULT_ROWS : positive('rows', values.rows),
    plans: values.rows !== undefined,
    worlds: values.growth ? values.worlds.split(',').map(rows => positive('worlds', rows)) : [],
    rounds: positive('rounds', values.rounds),
    profile: values.profile ?? null
  }
}

/** @throws TypeError */
export function positive(name: string, text: string): number {
  const number = Number(text)
  if (!(Number.isInteger(number) && number > 0)) throw new TypeError(`--${name} must be a whole number above 0`)
  return number
}
