import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import { EVENT_TYPES } from '../../src/domain/event-types.ts'

const SECRET = `whsec_${'A'.repeat(31)}=`
const OTHER = `whsec_${'B'.repeat(32)}`

const issues = (env: Record<string, string>): string => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('webhooks', () => {
  it('are none unless there are some', () => {
    expect(readConfig({}).webhooks).toEqual({ receivers: [], timeoutMs: 10_000 })
  })

  it('have each a URL, secrets and events, by the name', () => {
    const { webhooks, warnings } = readConfig({
      WEBHOOKS: 'chat=https://chat.example.org/hook?key=a=b , mail-2 = http://localhost:8080',
      WEBHOOK_SECRETS: `mail-2=${OTHER} ${OTHER.replaceAll('B', 'C')}, chat=${OTHER}`,
      WEBHOOK_EVENTS: 'mail-2=friendship.requested  friendship.accepted',
      WEBHOOK_TIMEOUT: '500ms'
    })
    expect(webhooks).toEqual({
      timeoutMs: 500,
      receivers: [
        { name: 'chat', url: 'https://chat.example.org/hook?key=a=b', secrets: [OTHER], events: EVENT_TYPES },
        {
          name: 'mail-2',
          url: 'http://localhost:8080',
          secrets: [OTHER, OTHER.replaceAll('B', 'C')],
          events: ['friendship.requested', 'friendship.accepted']
        }
      ]
    })
    expect(warnings).toEqual([])
  })

  it.each([
    ['ftp://example.org'],
    ['chat=ftp://example.org'],
    ['chat=https://user:s3cr3t@example.org'],
    ['chat=https://example.org/#s3cr3t'],
    ['Chat=https://example.org'],
    ['chat'],
    ['chat='],
    ['chat=https://example.org, chat=https://example.com']
  ])('are not understood as %s', text => {
    const message = issues({ WEBHOOKS: text, WEBHOOK_SECRETS: `chat=${OTHER}` })
    expect(message).toContain('WEBHOOKS must be a comma-separated list of name=URL')
    expect(message).not.toContain('s3cr3t')
  })

  it.each(['whsec_', 'whsec_c2hvcnQ=', OTHER.slice(6), `${OTHER}!`, `whsec_${'A'.repeat(100)}`, SECRET])(
    'are not signed with %s',
    secret => {
      const message = issues({ WEBHOOKS: 'chat=https://example.org', WEBHOOK_SECRETS: `chat=${secret}` })
      expect(message).toContain('WEBHOOK_SECRETS must be a comma-separated list of name=whsec_')
      expect(message).toContain('but is (hidden)')
    }
  )

  it('are signed: one without a secret is a mistake', () => {
    expect(
      issues({ WEBHOOKS: 'chat=https://example.org, mail=https://example.com', WEBHOOK_SECRETS: `mail=${OTHER}` })
    ).toContain('WEBHOOK_SECRETS must have a secret of chat, because WEBHOOKS names it')
  })

  it('have one URL each, and are told what there is', () => {
    expect(issues({ WEBHOOKS: 'chat=https://a.org https://b.org', WEBHOOK_SECRETS: `chat=${OTHER}` })).toContain(
      'WEBHOOKS must have one URL for chat, but has several'
    )
    expect(issues({ WEBHOOK_EVENTS: 'chat=friendship.begun' })).toContain(
      'WEBHOOK_EVENTS must be a comma-separated list of name=words of friendship.requested, '
    )
  })

  it('warn of what is said of one that is not there', () => {
    const { warnings } = readConfig({ WEBHOOK_SECRETS: `chat=${OTHER}`, WEBHOOK_EVENTS: 'mail=user.blocked' })
    expect(warnings).toEqual([
      'WEBHOOK_SECRETS of chat has no effect, because WEBHOOKS does not name it',
      'WEBHOOK_EVENTS of mail has no effect, because WEBHOOKS does not name it'
    ])
  })
})
