import { expect, test } from 'vitest'
import { urlOfEachHost } from '../../src/lib/host-urls.ts'

test.each([
  ['redis://a:1', ['redis://a:1']],
  [
    'redis://u:p@a:1,[::1]:2,c/0?x=1,2',
    ['redis://u:p@a:1/0?x=1,2', 'redis://u:p@[::1]:2/0?x=1,2', 'redis://u:p@c/0?x=1,2']
  ],
  ['postgres://u@/db?host=/run', ['postgres://u@localhost/db?host=/run']]
])('%s is each of its hosts', (url, urls) => {
  expect(urlOfEachHost(url)).toEqual(urls)
})
