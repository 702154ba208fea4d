import { describe, expect, it } from 'vitest'
import { CleanupStack } from '../../src/lib/cleanup-stack.ts'

describe('a cleanup stack', () => {
  it('runs its steps once, the last one first', () => {
    const [stack, ran] = [new CleanupStack(), [] as number[]]
    for (const step of [1, 2, 3]) stack.add(() => ran.push(step))
    stack.run()
    stack.run()
    expect(ran).toEqual([3, 2, 1])
  })

  it('runs every step although others throw, and throws then', () => {
    const [stack, ran] = [new CleanupStack(), [] as number[]]
    for (const step of [1, 2, 3]) {
      stack.add(() => {
        ran.push(step)
        if (step > 1) throw new Error(`step ${step}`)
      })
    }
    expect(() => stack.run()).toThrow('step')
    expect(ran).toEqual([3, 2, 1])
  })

  it('runs a step at once that comes after the end', () => {
    const [stack, ran] = [new CleanupStack(), [] as number[]]
    stack.run()
    stack.add(() => ran.push(1))
    expect(ran).toEqual([1])
  })
})
