import { natsProgram } from './nats.ts'
import { pgbouncerProgram } from './pgbouncer.ts'
import { postgresPrograms } from './postgres.ts'
import { redisProgram } from './redis.ts'
import { findProgram } from './server-process.ts'

/** The packages, by their names in Debian, whose absence makes tests be skipped. */
export function missingServers(): string[] {
  const programs = {
    postgresql: postgresPrograms(),
    pgbouncer: pgbouncerProgram(),
    'redis-server': redisProgram(),
    'nats-server': natsProgram(),
    'protobuf-compiler': protocProgram()
  }
  return Object.entries(programs).flatMap(([name, program]) => (program ? [] : name))
}

/** The compiler of protocol definitions, or null when it is not installed. */
export function protocProgram(): string | null {
  return findProgram('protoc', [])
}
