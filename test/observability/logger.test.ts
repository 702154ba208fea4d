import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogger, type LoggerOptions, safeUrl } from '../../src/observability/logger.ts'

const SECRET = 'correct-horse-battery-staple'

/** A logger, and what it wrote. */
function openLog(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const logger = createLogger({ level: 'debug', format: 'json', destination, ...options })
  return { logger, text: () => lines.join(''), last: () => JSON.parse(lines.at(-1) ?? 'null') }
}

describe('a line', () => {
  test('has a level, a time, the fields and the message', () => {
    const { logger, last } = openLog()
    logger.child({ part: 'rpc' }).info({ sockets: 3, since: new Date(0) }, 'listening')
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      part: 'rpc',
      sockets: 3,
      since: '1970-01-01T00:00:00.000Z',
      msg: 'listening'
    })
  })

  test('below the level is not written', () => {
    const { logger, text } = openLog({ level: 'warn' })
    logger.info('quiet')
    expect(text()).toBe('')
    logger.warn('loud')
    expect(text()).toContain('loud')
  })

  test('for people is written at once, in plain text, when the output is no terminal', () => {
    const { logger, text } = openLog({ format: 'pretty' })
    logger.info({ sockets: 3 }, 'listening')
    expect(text()).toMatch(/^\[[\d:.]+\] INFO: listening\n {4}sockets: 3\n$/)
  })

  test.each(['json', 'pretty', 'auto'])(
    'in the format %s is out before the process ends',
    { timeout: 30_000 },
    format => {
      const module = new URL('../../src/observability/logger.ts', import.meta.url)
      const script = `
      const { createLogger } = await import('${module}')
      createLogger({ level: 'info', format: '${format}' }).info('last words')
      process.exit(0)`
      const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
      expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toContain('last words')
    }
  )
})

describe('secrets', () => {
  const names = [
    'authorization',
    'Authorization',
    'access_token',
    'accessToken',
    'token',
    'synapse_token',
    'synapseToken',
    'auth_token',
    'auth_chain',
    'authChain',
    'signature',
    'password',
    'cookie',
    'x-identity-auth-chain-0',
    'X-Identity-Auth-Chain-12',
    'x-identity-metadata'
  ]
  const nestings: ((fields: object) => object)[] = [
    fields => fields,
    fields => ({ request: fields }),
    fields => ({ request: { headers: fields } }),
    fields => ({ list: [{ item: fields }] }),
    fields => ({ a: { b: { c: { d: { e: { f: fields } } } } } })
  ]

  test.each(names)('the value of %s is hidden wherever it stands', name => {
    const { logger, text } = openLog()
    for (const nest of nestings) {
      for (const value of [SECRET, { payload: SECRET }, [SECRET], [{ signature: SECRET }]]) {
        const fields = nest({ [name]: value, visible: 'seen' }) as Record<string, unknown>
        logger.info(fields, 'direct')
        logger.child(fields).info('of a child')
      }
    }
    expect(text()).toContain('seen')
    expect(text()).not.toContain(SECRET)
  })

  test.each([
    `GET /_matrix/client/r0/sync?access_token=${SECRET}&since=s1 failed`,
    `the header was "Authorization: Bearer ${SECRET}"`,
    `connect failed: postgres://social:${SECRET}@db.internal/social`,
    `connect failed: redis://:p@${SECRET}@cache:6379`,
    `the key is dcl_social_${'0'.repeat(12)}_${SECRET}`,
    `the webhook is signed with whsec_${SECRET}`,
    `the answer was {"access_token":"${SECRET}","device_id":"X"}`,
    `the answer was ${JSON.stringify(JSON.stringify({ token: SECRET }))}`
  ])('within a text are hidden: %s', message => {
    const { logger, text } = openLog()
    logger.error(message)
    logger.error({ detail: message, err: new Error(message) }, 'failed')
    logger.child({ detail: [message] }).error('failed')
    expect(text()).toContain('***')
    expect(text()).not.toContain(SECRET)
  })

  test('signatures are hidden as such', () => {
    const { logger, text } = openLog()
    const signature = `0x${'ab'.repeat(65)}`
    logger.warn({ links: [{ payload: 'x', sig: signature }] }, `refused ${signature}`)
    expect(text()).not.toContain('ab'.repeat(65))
  })

  test('harmless words stay', () => {
    const { logger, last } = openLog()
    logger.info(
      { tokens: 3, url: 'http://localhost:5000/v1/friendships/me?limit=10' },
      'no bearer token, signature bad'
    )
    expect(last()).toMatchObject({
      tokens: 3,
      url: 'http://localhost:5000/v1/friendships/me?limit=10',
      msg: 'no bearer token, signature bad'
    })
  })

  test('an error keeps its name, code, message and stack, and nothing else', () => {
    const { logger, last, text } = openLog()
    const err = Object.assign(new RangeError('duplicate key'), {
      code: '23505',
      detail: `Key (token)=(${SECRET}) already exists.`,
      parameters: [SECRET]
    })
    logger.error({ err, nested: { cause: err } }, 'failed')
    const { stack } = err
    expect(last().err).toEqual({ name: 'RangeError', code: '23505', message: 'duplicate key', stack })
    expect(last().nested.cause).toEqual(last().err)
    expect(text()).not.toContain(SECRET)
  })

  test('bytes are counted, not written', () => {
    const { logger, last } = openLog()
    logger.info({ hash: Buffer.from(SECRET), frame: new Uint8Array(70_000) }, 'frame')
    expect(last()).toMatchObject({ hash: '28 bytes', frame: '70000 bytes' })
  })

  test('a field of any shape and size makes one line of a bounded size', () => {
    const { logger, text } = openLog()
    const loop: Record<string, unknown> = { wide: Array.from({ length: 100_000 }, (_, n) => n) }
    loop['self'] = loop
    logger.info(loop, 'looped')
    expect(text().length).toBeLessThan(10_000)
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withDate: true, withTypedArray: true })),
        fields => {
          const log = openLog()
          log.logger.info(fields, 'anything')
          expect(log.last().level).toBeDefined()
        }
      )
    )
  })
})

describe('a safe URL', () => {
  test.each([
    ['/v1/friendships/me?limit=10&offset=5', '/v1/friendships/me?limit=10&offset=5'],
    ['/sync?access_token=abc', '/sync?access_token=***'],
    ['/sync?since=a%20b&access_token=abc&x=1', '/sync?since=a+b&access_token=***&x=1'],
    ['/sync?access%5Ftoken=abc', '/sync?access_token=***'],
    ['/sync?access_token=a&access_token=b', '/sync?access_token=***'],
    ['/login?loginToken=abc', '/login?loginToken=***'],
    ['https://me:abc@example.org/x', 'https://***@example.org/x'],
    ['/health/live', '/health/live'],
    ['', '']
  ])('%s becomes %s', (url, safe) => {
    expect(safeUrl(url)).toBe(safe)
  })

  test('never carries the token, whatever stands around it', () => {
    const parameters = fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 5 })
    fc.assert(
      fc.property(fc.webPath(), parameters, parameters, (path, before, after) => {
        const query = new URLSearchParams([...before, ['access_token', SECRET], ...after])
        expect(safeUrl(`${path}?${query}`)).not.toContain(SECRET)
      })
    )
  })
})
