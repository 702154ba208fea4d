import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, mostly waiting, longest first: begun last, they would run alone at the end. */
const LONGEST = [
  'matrix/outbox/faults',
  'multi-instance/history',
  'matrix/proxy/faults',
  'multi-instance/presence-redis',
  'multi-instance/presence',
  'rpc/rust-client',
  'rpc/rust-explorers',
  'storage/db/embedded',
  'matrix/outbox/outage',
  'rpc/v1/presence',
  'matrix/outbox/shared',
  'cli/serve'
]

/** Starts the longest files first, on a machine too where they never ran before. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex(name => moduleId.endsWith(`/test/${name}.test.ts`))
      return at < 0 ? LONGEST.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
