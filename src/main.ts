#!/usr/bin/env node
import { COMMANDS } from './cli/commands.ts'

/** How long what a command left open may keep the process, in milliseconds: a server may hold a connection for a minute. */
const LEFTOVERS_MS = 1_000

const [name = 'serve', ...rest] = process.argv.slice(2)
const command = COMMANDS[name]

if (command && rest.every(option => command.options?.includes(option))) {
  process.exitCode = await command.run(new Set(rest))
  setTimeout(() => process.exit(), LEFTOVERS_MS).unref()
} else {
  const width = Math.max(...Object.keys(COMMANDS).map(each => each.length))
  const list = Object.entries(COMMANDS).map(([each, { summary }]) => `  ${each.padEnd(width)}  ${summary}`)
  console.error(['Usage: social-service [command]', '', ...list].join('\n'))
  process.exitCode = 2
}
