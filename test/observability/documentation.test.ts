import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Env } from '../env/app.ts'

const METRICS_TOKEN = 'metrics'
const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const documented = [...text.matchAll(/^\| `(\w+)` \| (\w+) \|(.*?)\| (.+) \|$/gm)]
  .filter(([, , kind = '']) => ['counter', 'gauge', 'histogram'].includes(kind))
  .map(([, name, kind, labels = '']) => ({ name, kind, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, it]) => it) }))

describe('the metrics of a service with all its parts', () => {
  let env: Env
  let metrics: string[]
  beforeAll(async () => {
    // Nothing has to answer there: what is measured of it is there all the same.
    const nowhere = '127.0.0.1:9'
    env = await Env.start({
      METRICS_TOKEN,
      REDIS_URL: `redis://${nowhere}`,
      PRESENCE_SOURCE: 'both',
      NATS_URL: nowhere,
      CATALYST_URL: `http://${nowhere}`,
      WEBHOOKS: `chat=http://${nowhere}`,
      WEBHOOK_SECRETS: `chat=whsec_${'k'.repeat(32)}`,
      MATRIX_MODE: 'appservice',
      MATRIX_HOMESERVER_URL: `http://${nowhere}`,
      MATRIX_AS_TOKEN: 'as',
      MATRIX_HS_TOKEN: 'hs',
      MATRIX_TOKEN_KEY: 'k'.repeat(32)
    })
    const headers = { authorization: `Bearer ${METRICS_TOKEN}` }
    metrics = (await (await fetch(`${env.app.httpUrl}/metrics`, { headers })).text()).split('\n')
  })
  afterAll(() => env.stop())

  const ofProcess = (name = ''): boolean => /^(process|nodejs)_/.test(name)

  it('are all in the documentation, and no others', () => {
    const served = metrics.flatMap(line => {
      const [, name, kind] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? []
      return name && !ofProcess(name) ? [`${name} ${kind}`] : []
    })
    expect(served.sort()).toEqual(documented.map(({ name, kind }) => `${name} ${kind}`).sort())
  })

  it('are there from the start, with the labels that the documentation says', () => {
    for (const { name, kind, labels } of documented) {
      const series = kind === 'histogram' ? `${name}_count` : name
      const line = metrics.find(candidate => candidate.startsWith(`${series}{`) || candidate.startsWith(`${series} `))
      expect(line, `${name} has a series`).toBeDefined()
      const [, listed = ''] = /\{(.*)\}/.exec(line ?? '') ?? []
      expect([name, ...[...listed.matchAll(/(\w+)="/g)].map(([, it]) => it)].sort()).toEqual([name, ...labels].sort())
    }
  })

  it('are what the alerts ask for', () => {
    const alerts = text.slice(text.indexOf('## Alerts'), text.indexOf('## Log lines'))
    const names = [...alerts.matchAll(/\b((?:dcl_)?social_\w+|http_request\w+)(?=\{)/g)].map(([, name = '']) => name)
    expect(names.length).toBeGreaterThan(10)
    const known = new Set(documented.map(({ name }) => name))
    expect(names.filter(name => !known.has(name.replace(/_(count|bucket|sum)$/, '')))).toEqual([])
  })
})
