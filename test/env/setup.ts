import { vi } from 'vitest'
import { paced } from './pace.ts'

// The last resort, for what waits without a deadline of its own: as long as this machine needs when a file begins.
vi.setConfig({ testTimeout: paced(300_000), hookTimeout: paced(300_000) })
