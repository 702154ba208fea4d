import { describe, expect, test } from 'vitest'
import { readAhead } from '../../src/lib/read-ahead.ts'

describe('Items that are read ahead', () => {
  /** Notes when each is asked for, and the end. */
  async function* source(notes: string[], fails = false) {
    try {
      for (const item of ['a', 'b', 'c']) {
        notes.push(`asked for ${item}`)
        if (fails && item === 'c') throw new Error('c is lost')
        yield item
      }
    } finally {
      notes.push('ended')
    }
  }

  test('come in their order, each asked for before the one before is done with', async () => {
    const notes: string[] = []
    for await (const item of readAhead(source(notes))) notes.push(`done with ${item}`)
    expect(notes).toEqual([
      'asked for a',
      'asked for b',
      'done with a',
      'asked for c',
      'done with b',
      'ended',
      'done with c'
    ])
  })

  test('fail when it is their turn', async () => {
    const seen: string[] = []
    const reading = async () => {
      for await (const item of readAhead(source([], true))) seen.push(item)
    }
    await expect(reading()).rejects.toThrow('c is lost')
    expect(seen).toEqual(['a', 'b'])
  })

  test('end their source when nobody wants more', async () => {
    const notes: string[] = []
    for await (const _ of readAhead(source(notes))) break
    expect(notes).toEqual(['asked for a', 'asked for b', 'ended'])
  })
})
