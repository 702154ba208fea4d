import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClientAddresses, IpRanges, parseIp } from '../../src/lib/client-address.ts'

const PROXY = '10.0.0.10'
const behindProxy = new ClientAddresses({ trustedProxies: [PROXY, '172.16.0.0/12', 'fd00::/8'], ipv6Prefix: 64 })
const ipOf = (header: string): string => behindProxy.of(PROXY, header).ip

describe('the address of a client', () => {
  it.each([
    ['1.2.3.4:5678', '1.2.3.4'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:0102:0304', '1.2.3.4'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1']
  ])('is read from %s, as proxies write it, in one spelling', (header, ip) => {
    expect(ipOf(header)).toBe(ip)
  })

  it.each(['', 'unknown', '_hidden', '1.2.3', '1.2.3.4.5', '1.2.3.4:', '[1.2.3.4', '0x7f.1', '2001:db8::g', '::1::'])(
    'is that of the proxy where %j stands',
    header => {
      expect(ipOf(header)).toBe(PROXY)
    }
  )

  it('is the last hop that no trusted proxy has', () => {
    expect(ipOf('6.6.6.6, 1.2.3.4, 172.16.0.9')).toBe('1.2.3.4')
    expect(ipOf('6.6.6.6, unknown, 172.16.0.9')).toBe('172.16.0.9')
    expect(ipOf('172.16.0.1, 172.16.0.9')).toBe('172.16.0.1')
  })

  it('is that of the connection where no proxy is trusted', () => {
    const direct = new ClientAddresses({ trustedProxies: [], ipv6Prefix: 64 })
    expect(direct.of('::ffff:9.9.9.9', '1.2.3.4').ip).toBe('9.9.9.9')
    expect(behindProxy.of('9.9.9.9', '1.2.3.4').ip).toBe('9.9.9.9')
  })

  it('counts a network of IPv6 as one client, and each address of IPv4', () => {
    const groups = ['2001:db8::1', '2001:db8::ffff:1', '2001:db8:0:1::1'].map(ip => behindProxy.of(PROXY, ip).group)
    expect(groups).toEqual(['2001:db8::/64', '2001:db8::/64', '2001:db8:0:1::/64'])
    expect(behindProxy.of(PROXY, '1.2.3.4').group).toBe('1.2.3.4')
    const each = new ClientAddresses({ trustedProxies: [], ipv6Prefix: 128 })
    expect(each.of('2001:db8::1', undefined).group).toBe('2001:db8::1')
  })

  it('never fails, whatever a header holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
        const { ip, group } = behindProxy.of(PROXY, text)
        expect(parseIp(ip)?.toString()).toBe(ip)
        expect(group).not.toBe('')
      })
    )
  })

  it('reads a header of any length in bounded time', () => {
    expect(behindProxy.of(PROXY, `${'172.16.0.1,'.repeat(100_000)}172.16.0.1`).ip).toBe('172.16.0.1')
  })
})

describe('a set of addresses', () => {
  const ranges = new IpRanges(['10.0.0.10', '172.16.0.0/12', 'fd00::/8', '2001:db8::1'])

  it('has what is in one of its ranges, however it is written', () => {
    const inside = ['10.0.0.10', '::ffff:10.0.0.10', '172.31.255.255', 'fd12::1', '[2001:DB8:0::1]:443']
    expect(inside.filter(address => !ranges.has(address))).toEqual([])
  })

  it('has nothing else, and nothing that is no address', () => {
    const outside = ['10.0.0.11', '172.32.0.0', '::1', '2001:db8::2', '', 'unknown']
    expect(outside.filter(address => ranges.has(address))).toEqual([])
    expect(new IpRanges([]).has('10.0.0.10')).toBe(false)
    expect(new IpRanges(['0.0.0.0/0']).has('1.2.3.4')).toBe(true)
  })
})
