import { readFileSync } from 'node:fs'
import { residentBytes } from '../../cpu.ts'
import { idleMemoryBytes } from '../../load/idle-memory.ts'
import type { Instances, Servers } from '../instances.ts'
import { heapBytes } from '../service-metrics.ts'
import { sum } from '../statistics.ts'
import type { CrowdProcesses } from './crowd-processes.ts'

/** What is measured. */
export interface Place {
  readonly instances: Instances
  readonly crowd: CrowdProcesses
  readonly servers: Servers
  /** All clients. */
  readonly sockets: number
}

/** Where memory is, in bytes. */
export interface Memory {
  /** Of all instances together. */
  readonly instances: number
  /** The part of it that is their JavaScript heaps. */
  readonly heap: number
  readonly redis: number
  readonly load: number
  /** What the kernel has made for all processes of this machine: sockets of both sides among much else. */
  readonly kernel: number
}

/** Looks for a while, so that garbage is gone. */
export async function memoryOf({ instances, crowd, servers }: Place): Promise<Memory> {
  const resident = await idleMemoryBytes(instances.access.map(({ pid }) => pid))
  return {
    instances: resident,
    heap: await heapBytes(instances.access),
    redis: residentBytes(servers.redis),
    load: sum(crowd.pids.map(residentBytes)),
    kernel: kernelBytes()
  }
}

function kernelBytes(): number {
  return Number(/^Slab: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1]) * 1024
}
