import { parseArgs } from 'node:util'

/** Values by the name of their parameter, such as `name` of `--name <text>` and `id` of `<id>`. */
export type ParameterValues = Readonly<Record<string, string>>

export interface Command {
  readonly summary: string
  /** Flags that may follow the name; nothing unless there are some. */
  readonly options?: readonly string[]
  /** What has to follow the name: options with a value, such as `--name <text>`, and words, such as `<id>`. */
  readonly parameters?: readonly string[]
  /** @returns the exit code */
  readonly run: (options: ReadonlySet<string>, values: ParameterValues) => Promise<number>
}

/** What a command line asks for, or why it cannot be understood. */
type Invocation = { readonly run: () => Promise<number> } | { readonly mistake: string }

/**
 * Reads a command line.
 * @param commands by their names, of one word or two
 * @param standard the command that is meant when none is named
 */
export function readArguments(
  args: readonly string[],
  commands: Readonly<Record<string, Command>>,
  standard: string
): Invocation {
  const [first = standard, second] = args
  const name = [`${first} ${second}`, first].find(each => Object.hasOwn(commands, each))
  const command = name === undefined ? undefined : commands[name]
  if (name === undefined || command === undefined) {
    const isGroup = Object.keys(commands).some(each => each.startsWith(`${first} `))
    return { mistake: `There is no command "${isGroup && second !== undefined ? `${first} ${second}` : first}"` }
  }
  try {
    const { flags, values } = parse(args.slice(name.split(' ').length), command)
    return { run: () => command.run(flags, values) }
  } catch (error) {
    return { mistake: error instanceof Error ? error.message : String(error) }
  }
}

/** The commands, one line each. */
export function usage(commands: Readonly<Record<string, Command>>): string {
  const lines = Object.entries(commands).map(([name, { parameters = [], summary }]) => ({
    call: [name, ...parameters].join(' '),
    summary
  }))
  const width = Math.max(...lines.map(({ call }) => call.length))
  const list = lines.map(({ call, summary }) => `  ${call.padEnd(width)}  ${summary}`)
  return ['Usage: social-service [command]', '', ...list].join('\n')
}

/** @throws Error that says what is missing or too much */
function parse(args: string[], { options = [], parameters = [] }: Command) {
  const all = parameters.map(text => ({ name: nameOf(text), text, isOption: text.startsWith('--') }))
  const named = all.filter(({ isOption }) => isOption)
  const words = all.filter(({ isOption }) => !isOption)
  const parsed = parseArgs({
    args,
    options: Object.fromEntries([
      ...options.map(flag => [nameOf(flag), { type: 'boolean' as const }]),
      ...named.map(({ name }) => [name, { type: 'string' as const }])
    ]),
    allowPositionals: words.length > 0
  })
  const { positionals } = parsed
  const values: Readonly<Record<string, unknown>> = parsed.values
  const given: Record<string, string> = {}
  for (const { name, text } of named) given[name] = needed(values[name], text)
  for (const [at, { name, text }] of words.entries()) given[name] = needed(positionals[at], text)
  if (positionals.length > words.length) throw new Error(`${JSON.stringify(positionals[words.length])} is too much`)
  return { flags: new Set(options.filter(flag => values[nameOf(flag)] === true)), values: given }
}

/** `name` of `--name <text>`, `id` of `<id>`. */
function nameOf(parameter: string): string {
  return /^(?:--|<)([\w-]+)/.exec(parameter)?.[1] ?? parameter
}

function needed(value: unknown, text: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new Error(`${text} is missing`)
}
