import { expect, it } from 'vitest'
import { EventLoopThrottle } from '../../src/lib/event-loop-throttle.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))
/** Everything that needs no other turn of the event loop is done. */
const settled = () => new Promise(resolve => process.nextTick(resolve))

function start(throttle: EventLoopThrottle, names: string): string[] {
  const begun: string[] = []
  for (const name of names) {
    throttle.next().then(
      () => begun.push(name),
      () => begun.push(`no ${name}`)
    )
  }
  return begun
}

it('lets so much work begin in each turn of the event loop, first come, first served', async () => {
  const throttle = new EventLoopThrottle({ perTurn: 2, maxWaiting: 10 })
  const begun = start(throttle, 'abcde')
  await settled()
  const seen = [begun.join('')]
  for (let turns = 0; turns < 2; turns += 1) {
    await turn()
    seen.push(begun.join(''))
  }
  expect(seen).toEqual(['ab', 'abcd', 'abcde'])
})

it('lets later work begin with what is left of a turn', async () => {
  const throttle = new EventLoopThrottle({ perTurn: 2, maxWaiting: 10 })
  const first = start(throttle, 'abc')
  await turn()
  const second = start(throttle, 'de')
  await settled()
  expect([first, second]).toEqual([['a', 'b', 'c'], ['d']])
  await turn()
  expect(second).toEqual(['d', 'e'])
})

it('refuses work when too many wait', async () => {
  const throttle = new EventLoopThrottle({ perTurn: 1, maxWaiting: 1 })
  const begun = start(throttle, 'abc')
  await turn()
  await turn()
  expect(begun.sort()).toEqual(['a', 'b', 'no c'])
})
