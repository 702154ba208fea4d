import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SparseSet } from '../../src/lib/sparse-set.ts'

it('has what any set would have', () => {
  const item = fc.integer({ min: 0, max: 4 })
  const step = fc.record({ what: fc.constantFrom('add', 'delete', 'below'), item })
  fc.assert(
    fc.property(fc.array(item), fc.array(step), (items, steps) => {
      const [sparse, set] = [new SparseSet(items), new Set(items)]
      for (const { what, item } of steps) {
        if (what === 'add') {
          sparse.add(item)
          set.add(item)
        } else if (what === 'delete') {
          expect(sparse.delete(item)).toBe(set.delete(item))
        } else {
          sparse.deleteWhere(each => each < item)
          for (const each of set) if (each < item) set.delete(each)
        }
        expect([...sparse]).toEqual([...set])
        expect(sparse.has(item)).toBe(set.has(item))
      }
    })
  )
})
