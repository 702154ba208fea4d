import { expect, it } from 'vitest'
import { CircuitBreaker } from '../../src/lib/circuit-breaker.ts'

it('a circuit opens after five failures in a row, for thirty seconds, and closes at the first success', () => {
  let now = 0
  const circuit = new CircuitBreaker(() => now)
  for (let count = 1; count <= 4; count++) expect(circuit.failed()).toBe(false)
  expect(circuit.succeeded()).toBe(false)
  for (let count = 1; count <= 4; count++) expect(circuit.failed()).toBe(false)
  expect(circuit.state).toBe('closed')
  expect(circuit.failed()).toBe(true)
  expect(circuit.state).toBe('open')
  now = 29_999
  expect(circuit.state).toBe('open')
  now = 30_000
  expect(circuit.state).toBe('half-open')
  expect(circuit.failed()).toBe(false)
  expect(circuit.state).toBe('open')
  now = 60_000
  expect(circuit.succeeded()).toBe(true)
  expect(circuit.state).toBe('closed')
})
