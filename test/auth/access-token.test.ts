import { expect, it } from 'vitest'
import { createToken, hashOfToken } from '../../src/auth/access-token.ts'

it('makes access tokens of 256 random bits, of which only a hash is stored', () => {
  const { token, tokenHash } = createToken()
  expect(Buffer.from(token, 'base64url')).toHaveLength(32)
  expect(tokenHash).toEqual(hashOfToken(token))
  expect(tokenHash.toString('hex')).not.toContain(Buffer.from(token, 'base64url').toString('hex'))
  expect(createToken().token).not.toBe(token)
})
