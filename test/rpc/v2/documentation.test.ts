import { readFileSync } from 'node:fs'
import { FriendshipsServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v1/social_service_v1.gen.js'
import {
  FriendshipStatus,
  SocialServiceDefinition
} from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import { describe, expect, it } from 'vitest'
import { SETTINGS } from '../../../src/config/settings.ts'
import { CLOSE } from '../../../src/rpc/engine/close-codes.ts'

const text = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')
const quoted = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, words]) => words))

describe('the documentation of the protocol', () => {
  it('has every method of both definitions', () => {
    const methods = [FriendshipsServiceDefinition, SocialServiceDefinition].flatMap(({ methods }) =>
      Object.values<{ name: string }>(methods).map(({ name }) => name)
    )
    expect(methods.filter(name => !quoted.has(name))).toEqual([])
  })

  it('has every status of a friendship', () => {
    const statuses = Object.keys(FriendshipStatus).filter(name => /^[A-Z_]+$/.test(name) && name !== 'UNRECOGNIZED')
    expect(statuses.filter(name => !quoted.has(name))).toEqual([])
  })

  it('names settings that there are', () => {
    const isSetting = /^(MAX_\w+|\w+_(SIZE|TIMEOUT|WINDOW|LIFETIME|URL|GRACE|LIMIT|MINUTE|USER|IP))$/
    const names = [...quoted].filter((name = '') => isSetting.test(name))
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name = '') => !(name in SETTINGS))).toEqual([])
  })

  it('has every reason for which a socket is closed, and no other', () => {
    const [, table = ''] = /^\| close code \|.*\n\|[-|]+\|\n((?:\|.*\n)+)/m.exec(text) ?? []
    const rows = [...table.matchAll(/^\| (\d+) \|(.*?)\| (.*) \|$/gm)]
    expect(rows.map(([, code, reason = '', when]) => ({ code: Number(code), reason: reason.trim(), when }))).toEqual(
      Object.values(CLOSE)
    )
  })
})
