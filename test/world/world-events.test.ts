import { expect, it } from 'vitest'
import { WORLD_EVENTS, worldSubscriptions } from '../../src/world/world-events.ts'

const ADDRESS = `0x${'aB'.repeat(20)}`

function hear(subject: string, bytes = 0) {
  const heard: string[] = []
  for (const { subject: pattern, receive } of worldSubscriptions({
    onEvent: ({ kind, user }) => heard.push(`${kind} ${user}`),
    onIgnored: reason => heard.push(reason)
  })) {
    if (new RegExp(`^${pattern.replace('*', '[^.]*')}$`).test(subject)) receive(subject, new Uint8Array(bytes))
  }
  return heard
}

it.each(WORLD_EVENTS)('takes the user of a %s, in any letter case', kind => {
  expect(hear(`peer.${ADDRESS}.${kind}`)).toEqual([`${kind} ${ADDRESS.toLowerCase()}`])
})

it('ignores who has no address, and what is too large to be of the peers', () => {
  for (const peer of ['0x123', 'guest-1', ADDRESS.slice(1), `${ADDRESS}0`, '']) {
    expect(hear(`peer.${peer}.heartbeat`)).toEqual(['malformed'])
  }
  expect(hear(`peer.${ADDRESS}.heartbeat`, 4097)).toEqual(['too_large'])
  expect(hear(`peer.${ADDRESS}.heartbeat`, 4096)).toHaveLength(1)
})
