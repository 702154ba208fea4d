import type { Line } from './job.ts'

export const HEAD = ['work', 'measured', 'target', 'cores: instances', 'PostgreSQL', 'Redis', 'load']

export function cellsOf({ work, measured, target = '', usage }: Line): string[] {
  if (!usage) return [work, measured, target, '', '', '', '']
  const parts = [usage.postgres, usage.redis, usage.load].map(cores => cores.toFixed(2))
  return [work, measured, target, usage.instances.map(cores => cores.toFixed(2)).join(' + '), ...parts]
}
