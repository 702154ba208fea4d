import { postgresPrograms } from './postgres.ts'
import { redisProgram } from './redis.ts'

/** The packages, by their names in Debian, whose absence makes tests be skipped. */
export function missingServers(): string[] {
  return [...(postgresPrograms() ? [] : ['postgresql']), ...(redisProgram() ? [] : ['redis-server'])]
}
