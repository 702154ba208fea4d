import type { Command } from './arguments.ts'
import { check } from './check.ts'
import { IMPORT_COMMANDS } from './import.ts'
import { KEY_COMMANDS } from './keys.ts'
import { matrixRegistration, PRINT } from './matrix-registration.ts'
import { notifications } from './notifications.ts'
import { outbox } from './outbox.ts'
import { RETRY } from './parked.ts'
import { serve } from './serve.ts'

/** The commands of the program, by their names on the command line. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: { summary: 'Runs the service until it is told to stop (the default)', run: serve },
  check: { summary: 'Prints the configuration, and tries every service that it names', run: check },
  outbox: {
    summary: `Lists what the homeserver could not be made to follow; with ${RETRY}, lets it be tried again`,
    options: [RETRY],
    run: outbox
  },
  notifications: {
    summary: `Lists what other systems could not be told; with ${RETRY}, lets it be tried again`,
    options: [RETRY],
    run: notifications
  },
  'matrix-registration': {
    summary: `Writes the file that makes the service known to its homeserver; with ${PRINT}, prints it`,
    options: [PRINT],
    run: matrixRegistration
  },
  ...KEY_COMMANDS,
  ...IMPORT_COMMANDS
}
