import type { Measurement } from './job.ts'
import { markdown, verdict, whole } from './markdown.ts'
import type { Scenario } from './scenarios.ts'

/** One scenario that was run, with its ceiling. */
export interface Row {
  readonly scenario: Scenario
  readonly measured: Measurement
  readonly ceiling: Measurement | null
}

const HEAD = [
  'work',
  'per second',
  'p50 ms',
  'p99 ms',
  'CPU ms: server',
  'PostgreSQL',
  'together',
  'load',
  'raw per second',
  'raw CPU ms',
  'of raw',
  'target'
]

/** All rows as one table, in Markdown. */
export function table(rows: readonly Row[]): string {
  return markdown([HEAD, ...rows.map(row => cellsOf(row, rows))])
}

const together = ({ cpu }: Measurement): number => cpu.server + cpu.postgres

function cellsOf({ scenario, measured, ceiling }: Row, rows: readonly Row[]): string[] {
  const { rate, p50, p99, cpu } = measured
  const figures = [p50, p99, cpu.server, cpu.postgres, together(measured), cpu.load].map(value => value.toFixed(2))
  const raw = ceiling
    ? [whole(ceiling.rate), together(ceiling).toFixed(2), `${whole((100 * rate) / ceiling.rate)} %`]
    : ['', '', '']
  return [scenario.title, whole(rate), ...figures, ...raw, verdicts(scenario, measured, rows).join(', ')]
}

/** What was to be reached, and whether it was. */
function verdicts({ target = {} }: Scenario, measured: Measurement, rows: readonly Row[]): string[] {
  const { cpuMs, rate, bytesPerSocket, like } = target
  const texts: string[] = []
  if (cpuMs !== undefined) texts.push(verdict(together(measured) <= cpuMs, `≤ ${cpuMs} ms`))
  if (rate !== undefined) texts.push(verdict(measured.rate >= rate, `≥ ${whole(rate)}/s`))
  if (bytesPerSocket !== undefined && measured.bytesPerSocket !== undefined) {
    const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1)
    const holds = measured.bytesPerSocket <= bytesPerSocket
    texts.push(verdict(holds, `${kilobytes(measured.bytesPerSocket)} KB ≤ ${kilobytes(bytesPerSocket)} KB`))
  }
  const model = rows.find(row => row.scenario.name === like)
  if (model) {
    const limit = 1.1 * together(model.measured)
    texts.push(verdict(together(measured) <= limit, `≤ ${limit.toFixed(2)} ms`))
  }
  return texts
}
