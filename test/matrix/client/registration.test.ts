import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { registrationYaml } from '../../../src/matrix/client/registration.ts'

const A = `0x${'a'.repeat(40)}`
const B = `0x${'b'.repeat(40)}`
const options = { serverName: 'decentraland.org', asToken: 'as-secret', hsToken: 'hs-secret' }

/** The expressions of the namespaces of users and of aliases, as a homeserver applies them: from the beginning. */
function namespaces(serverName: string): [RegExp, RegExp] {
  const scalars = [...registrationYaml({ ...options, serverName }).matchAll(/regex: '((?:[^']|'')*)'$/gm)]
  const [users, aliases] = scalars.map(([, scalar = '']) => new RegExp(`^(?:${scalar.replaceAll("''", "'")})`))
  if (!users || !aliases || scalars.length !== 2) throw new Error('There should be two namespaces')
  return [users, aliases]
}

describe('the registration file', () => {
  test('is what a homeserver expects', () => {
    expect(registrationYaml(options)).toBe(`id: social-service
# The homeserver sends nothing to this service. It refuses a file without this line.
url: null
as_token: 'as-secret'
hs_token: 'hs-secret'
sender_localpart: social-service
rate_limited: false
namespaces:
  users:
    - exclusive: false
      regex: '@0x[0-9a-f]{40}:decentraland\\.org$'
  aliases:
    - exclusive: true
      regex: '#0x[0-9a-f]{40}\\+0x[0-9a-f]{40}:decentraland\\.org$'
  rooms: []
`)
  })

  test('claims the users and the pair aliases of its server, and nothing else', () => {
    const [users, aliases] = namespaces('decentraland.org')
    expect(users.test(`@${A}:decentraland.org`)).toBe(true)
    expect(aliases.test(`#${A}+${B}:decentraland.org`)).toBe(true)
    for (const other of ['alice', `${A}0`, A.slice(0, -1), `x${A}`]) {
      expect(users.test(`@${other}:decentraland.org`)).toBe(false)
    }
    for (const other of ['lobby', A, `${A}+${B}+${A}`, `${A}-${B}`]) {
      expect(aliases.test(`#${other}:decentraland.org`)).toBe(false)
    }
  })

  test('takes every character of the server name for itself', () => {
    const anyServer = fc.string({ unit: fc.constantFrom(...'ab1.-:[]$^|()*+?{}\\'), minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(anyServer, anyServer, (serverName, other) => {
        const [users, aliases] = namespaces(serverName)
        for (const server of [serverName, other, `${serverName}.evil.com`]) {
          expect(users.test(`@${A}:${server}`)).toBe(server === serverName)
          expect(aliases.test(`#${A}+${B}:${server}`)).toBe(server === serverName)
        }
      })
    )
  })

  test('keeps a token with a quote in one piece', () => {
    expect(registrationYaml({ ...options, asToken: "it's: #1" })).toContain("\nas_token: 'it''s: #1'\n")
  })
})
