import { type DestinationStream, destination as openDestination, pino, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { safeFields, withoutSecrets } from './redaction.ts'

export { safeUrl, withoutSecrets } from './redaction.ts'

/** Writes a line: what happened, in plain words, and the values that belong to it. An error goes in as `{ err }`. */
interface Log {
  (message: string): void
  (fields: Readonly<Record<string, unknown>>, message: string): void
}

/** All that the code knows of its log. Secrets are hidden on the way out: see {@link createLogger}. */
export interface Logger {
  readonly debug: Log
  readonly info: Log
  readonly warn: Log
  readonly error: Log
  /** A logger that adds these fields to each of its lines. */
  child(fields: Readonly<Record<string, unknown>>): Logger
}

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** `auto` is `pretty` on a terminal and `json` otherwise. */
  readonly format: 'auto' | 'pretty' | 'json'
  /** Standard output by default. */
  readonly destination?: DestinationStream
}

/**
 * A log that is written line by line, at once, so that the last words of a process are never lost. Tokens, signatures
 * and passwords do not reach it, neither as fields nor within a text; of an error it keeps name, code, message, stack.
 */
export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  const onTerminal = destination === undefined && process.stdout.isTTY === true
  const output = destination ?? openDestination({ fd: 1, sync: true })
  const isPretty = format === 'pretty' || (format === 'auto' && onTerminal)
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    // Errors are made safe with the other fields; pino would add to them.
    serializers: { err: (error: unknown) => error },
    formatters: { level: (label: string) => ({ level: label }), log: safeFields },
    hooks: { streamWrite: withoutSecrets }
  }
  return wrap(pino(options, isPretty ? prettyOutput(output, onTerminal) : output))
}

/** In this thread, because lines that a worker holds are lost when the process ends. */
function prettyOutput(output: DestinationStream, colorize: boolean): DestinationStream {
  const render = prettyFactory({ colorize, translateTime: 'SYS:HH:MM:ss.l' })
  return { write: line => output.write(render(line)) }
}

function wrap(log: pino.Logger): Logger {
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    child: fields => wrap(log.child(safeFields(fields)))
  }
}
