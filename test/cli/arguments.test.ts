import { describe, expect, it } from 'vitest'
import { type Command, type ParameterValues, readArguments, usage } from '../../src/cli/arguments.ts'

interface Call {
  readonly command: string
  readonly options: readonly string[]
  readonly values: ParameterValues
}

let called: Call | null = null

function command(name: string, rest: Partial<Command> = {}): Command {
  const run: Command['run'] = async (options, values) => {
    called = { command: name, options: [...options], values }
    return 0
  }
  return { summary: `Does ${name}`, run, ...rest }
}

const COMMANDS = {
  serve: command('serve'),
  outbox: command('outbox', { options: ['--retry'] }),
  'keys create': command('keys create', { parameters: ['--name <text>', '--scope <scope>[,<scope>…]'] }),
  'keys revoke': command('keys revoke', { parameters: ['<id>'] })
}

/** What is called by a command line; a text when it is not understood. */
async function calledBy(...args: string[]): Promise<Call | string | null> {
  called = null
  const invocation = readArguments(args, COMMANDS, 'serve')
  if ('mistake' in invocation) return invocation.mistake
  await invocation.run()
  return called
}

describe('a command line', () => {
  it('is a command of one word or two, with its flags, values and words', async () => {
    expect(await calledBy()).toEqual({ command: 'serve', options: [], values: {} })
    expect(await calledBy('outbox')).toEqual({ command: 'outbox', options: [], values: {} })
    expect(await calledBy('outbox', '--retry')).toEqual({ command: 'outbox', options: ['--retry'], values: {} })
    const created = { command: 'keys create', options: [], values: { name: 'a gate', scope: 'a,b' } }
    expect(await calledBy('keys', 'create', '--name', 'a gate', '--scope=a,b')).toEqual(created)
    expect(await calledBy('keys', 'create', '--scope', 'a,b', '--name=a gate')).toEqual(created)
    expect(await calledBy('keys', 'revoke', '12')).toEqual({
      command: 'keys revoke',
      options: [],
      values: { id: '12' }
    })
  })

  it.each([
    [['nothing'], 'no command "nothing"'],
    [['toString'], 'no command "toString"'],
    [['keys'], 'no command "keys"'],
    [['keys', 'destroy'], 'no command "keys destroy"'],
    [['serve', 'x'], "'x'"],
    [['outbox', '--everything'], "'--everything'"],
    [['keys', 'create', '--name', 'x'], '--scope <scope>[,<scope>…] is missing'],
    [['keys', 'create', '--name', '', '--scope', 'x'], '--name <text> is missing'],
    [['keys', 'create', '--name'], '--name'],
    [['keys', 'revoke'], '<id> is missing'],
    [['keys', 'revoke', 'a', 'b'], '"b" is too much']
  ])('that is not understood says why: %j', async (args, why) => {
    expect(await calledBy(...args)).toContain(why)
  })

  it('is told in one line for each command', () => {
    expect(usage(COMMANDS)).toBe(
      [
        'Usage: social-service [command]',
        '',
        '  serve                                                 Does serve',
        '  outbox                                                Does outbox',
        '  keys create --name <text> --scope <scope>[,<scope>…]  Does keys create',
        '  keys revoke <id>                                      Does keys revoke'
      ].join('\n')
    )
  })
})
