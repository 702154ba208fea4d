import { readFile } from 'node:fs/promises'
import { Events, FriendshipAcceptedEvent, FriendshipRequestEvent } from '@dcl/schemas'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/domain/address.ts'
import { PAIR_ACTIONS } from '../../src/domain/friendship.ts'
import { EVENT_SUB_TYPES, EVENT_TYPE, friendshipEvent, hasEvent } from '../../src/notifications/friendship-event.ts'
import { type Profile, unknownProfile } from '../../src/profiles/profile.ts'
import { known } from '../profiles/env.ts'
import { accepted, requested, settingsOf, textOfAcceptance, textOfRequest } from './events.ts'

describe('the event of a friendship', () => {
  it('has the words of the schemas', () => {
    expect(EVENT_TYPE).toBe(Events.Type.SOCIAL_SERVICE)
    expect(EVENT_SUB_TYPES).toEqual({
      request: Events.SubType.SocialService.FRIENDSHIP_REQUEST,
      accept: Events.SubType.SocialService.FRIENDSHIP_ACCEPTED
    })
  })

  it('is written as the service before wrote it, byte for byte', () => {
    expect(JSON.stringify(friendshipEvent(requested, known))).toBe(textOfRequest(requested, known))
    expect(JSON.stringify(friendshipEvent(accepted, known))).toBe(textOfAcceptance(accepted, known))
  })

  it.each([null, ''])('leaves out the message of a request that says %j', message => {
    const event = friendshipEvent({ ...requested, message }, known)
    expect(JSON.stringify(event)).toBe(textOfRequest({ ...requested, message }, known))
    expect(event.metadata).not.toHaveProperty('message')
  })

  it('is what the schemas take, whether the users have profiles or not', () => {
    for (const profileOf of [known, unknownProfile]) {
      expect(FriendshipRequestEvent.validate(friendshipEvent(requested, profileOf))).toBe(true)
      expect(FriendshipRequestEvent.validate(friendshipEvent({ ...requested, message: null }, profileOf))).toBe(true)
      expect(FriendshipAcceptedEvent.validate(friendshipEvent(accepted, profileOf))).toBe(true)
    }
  })

  it('is shown in the documentation as it is', async () => {
    const text = await readFile('docs/integrations.md', 'utf8')
    const [, shown = ''] = /<!-- sns:start -->\n```json\n(.*?)```/s.exec(text) ?? []
    const { metadata } = JSON.parse(shown) as FriendshipRequestEvent
    const profileOf = (address: Address): Profile => {
      const { sender, receiver } = metadata
      const { name, profileImageUrl, hasClaimedName } = address === sender.address ? sender : receiver
      return { ...known(address), name, hasClaimedName, pictureUrl: profileImageUrl }
    }
    const event = friendshipEvent({ ...requested, message: 'Shall we build a world?' }, profileOf)
    expect(shown).toBe(`${JSON.stringify(event, null, 2)}\n`)
  })

  it('is there for requests and acceptances alone', () => {
    const actions = PAIR_ACTIONS.filter(action => hasEvent({ ...requested, action }))
    expect(actions).toEqual(['request', 'accept'])
    expect(hasEvent(settingsOf({ privateMessages: 'only_friends' }))).toBe(false)
  })
})
