#!/usr/bin/env node
import { COMMANDS } from './cli/commands.ts'

const [name = 'serve', ...rest] = process.argv.slice(2)
const command = COMMANDS[name]

if (command && rest.length === 0) {
  process.exitCode = await command.run()
} else {
  const list = Object.entries(COMMANDS).map(([word, { summary }]) => `  ${word.padEnd(10)} ${summary}`)
  console.error(['Usage: social-service [command]', '', ...list].join('\n'))
  process.exitCode = 2
}
