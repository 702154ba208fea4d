import { natsProgram } from './nats.ts'
import { pgbouncerProgram } from './pgbouncer.ts'
import { postgresPrograms } from './postgres.ts'
import { redisProgram } from './redis.ts'

/** The packages, by their names in Debian, whose absence makes tests be skipped. */
export function missingServers(): string[] {
  const programs = {
    postgresql: postgresPrograms(),
    pgbouncer: pgbouncerProgram(),
    'redis-server': redisProgram(),
    'nats-server': natsProgram()
  }
  return Object.entries(programs).flatMap(([name, program]) => (program ? [] : name))
}
