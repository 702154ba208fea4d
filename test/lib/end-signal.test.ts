import { expect, it } from 'vitest'
import { End } from '../../src/lib/end-signal.ts'

it('tells all who listen, once, and nobody who left or came too late', () => {
  const end = new End()
  const told: string[] = []
  const leave = (): unknown => told.push('who left')
  end.addEventListener('abort', leave)
  end.addEventListener('abort', () => told.push('first'))
  end.addEventListener('abort', () => told.push(`second, ${end.aborted}`))
  end.removeEventListener('abort', leave)
  expect(end.aborted).toBe(false)
  end.abort()
  end.abort()
  end.addEventListener('abort', () => told.push('late'))
  expect(told).toEqual(['first', 'second, true'])
})
