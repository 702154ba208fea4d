import { expect, test } from 'vitest'
import { Hosts, HostsError, replicasOf } from '../../../src/storage/db/hosts.ts'

/** The URLs of all hosts, in the order in which they are tried. */
function urlsOf(url: string): string[] {
  const hosts = Hosts.of(url)
  return Array.from({ length: hosts.count }, () => {
    const { current } = hosts
    hosts.failed(current)
    return current
  })
}

test.each([
  ['postgres://a:1/db', ['postgres://a:1/db']],
  ['postgres://u:p@/db?host=/run/postgresql', ['postgres://u:p@/db?host=/run/postgresql']],
  [
    'postgresql://u:p%40@a:1,b:2/db?sslmode=disable',
    ['postgresql://u:p%40@a:1/db?sslmode=disable', 'postgresql://u:p%40@b:2/db?sslmode=disable']
  ],
  ['postgres://a,[::1]:2/db?target_session_attrs=read-write', ['postgres://a/db', 'postgres://[::1]:2/db']],
  ['postgres:///db?host=a,b&port=1,2', ['postgres:///db?host=a&port=1', 'postgres:///db?host=b&port=2']],
  ['postgres:///db?host=a,b&port=7', ['postgres:///db?host=a&port=7', 'postgres:///db?host=b&port=7']],
  ['postgres:///db?host=a,b', ['postgres:///db?host=a', 'postgres:///db?host=b']]
])('%s is understood as libpq understands it', (url, urls) => {
  expect(urlsOf(url)).toEqual(urls)
})

test('the host that works is used, until a connection to it fails', () => {
  const hosts = Hosts.of('postgres://a,b,c/db?target_session_attrs=primary')
  expect([hosts.target, hosts.current]).toEqual(['primary', 'postgres://a/db'])
  // Twenty connections that fail at the same time are one failure.
  for (let i = 0; i < 20; i++) hosts.failed('postgres://a/db')
  expect(hosts.current).toBe('postgres://b/db')
  hosts.failed('postgres://b/db')
  hosts.failed('postgres://c/db')
  expect(hosts.current).toBe('postgres://a/db')
})

test.each([
  [
    'postgres://a,b/db?target_session_attrs=standby',
    'target_session_attrs must be one of any, read-write, primary, but is standby'
  ],
  ['postgres:///db?host=a,b,c&port=1,2', 'it has 3 hosts and 2 ports']
])('%s is refused', (url, reason) => {
  expect(() => Hosts.of(url)).toThrow(HostsError)
  expect(() => Hosts.of(url)).toThrow(`DATABASE_URL cannot be used: ${reason}`)
})

test('read replicas are used each by itself, and are called by their hosts', () => {
  expect(replicasOf('postgres://u:p@a:1,b/db?target_session_attrs=standby&sslmode=disable')).toEqual([
    { url: 'postgres://u:p@a:1/db?sslmode=disable', name: 'a:1' },
    { url: 'postgres://u:p@b/db?sslmode=disable', name: 'b' }
  ])
  expect(replicasOf('postgres://u:p@/db?host=/run/one&port=7').map(({ name }) => name)).toEqual(['/run/one:7'])
  expect(() => replicasOf('postgres://a,b/db?target_session_attrs=primary')).toThrow(
    'DATABASE_REPLICA_URL cannot be used: target_session_attrs must be one of any, standby, but is primary'
  )
})
