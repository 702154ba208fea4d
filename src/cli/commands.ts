import { demo } from './demo.ts'
import { serve } from './serve.ts'

interface Command {
  readonly summary: string
  /** @returns the exit code */
  readonly run: () => Promise<number>
}

/** What the program can be told to do, by the word that is said on the command line. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  serve: { summary: 'Runs the service until it is told to stop (the default)', run: serve },
  demo: { summary: 'Starts a service in memory and makes wallets friends, over both protocols', run: demo }
}
