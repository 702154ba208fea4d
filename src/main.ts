#!/usr/bin/env node
import { readArguments, usage } from './cli/arguments.ts'
import { COMMANDS } from './cli/commands.ts'

/** How long what a command left open may keep the process, in milliseconds: a server may hold a connection for a minute. */
const LEFTOVERS_MS = 1_000

const invocation = readArguments(process.argv.slice(2), COMMANDS, 'serve')

if ('mistake' in invocation) {
  console.error(`${invocation.mistake}.\n\n${usage(COMMANDS)}`)
  process.exitCode = 2
} else {
  process.exitCode = await invocation.run()
  setTimeout(() => process.exit(), LEFTOVERS_MS).unref()
}
