import { setTimeout as wait } from 'node:timers/promises'
import type { Wallet } from '../../demo/wallet.ts'
import type { Env } from '../env/app.ts'
import { connectV2, type V2Device } from '../env/v2.ts'

/*
 * The Bevy explorer reads all lists before it subscribes to anything, friends by offsets of a hundred whatever came, and takes
 * an empty list for the truth. When one call fails it drops its socket, and comes back after a while that doubles from one
 * second to thirty; here it is shorter.
 * decentraland/bevy-explorer at d18de13b07a6a9aa8d7aa9187838e77f987f33bd: crates/social/src/client.rs, `run_one_connection` and
 * `social_socket_handler_inner`.
 */
const PAGE_SIZE = 100
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 300

/** What a start came to: how many were in vain before it, and why, and the lists that it found. */
interface Start {
  readonly failures: readonly string[]
  readonly friends: readonly string[]
  readonly requests: number
}

/** Starts as often as it takes, each time on a socket of its own. */
export async function loadLists(env: Env, wallet: Wallet): Promise<Start> {
  const failures: string[] = []
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const device = await connectV2(env, wallet)
    try {
      return { failures, ...(await load(device)) }
    } catch (error) {
      failures.push((error as Error).message)
      await wait(pauseMs)
    } finally {
      device.socket.terminate()
    }
  }
}

async function load({ service }: V2Device): Promise<Omit<Start, 'failures'>> {
  const friends: string[] = []
  for (let offset = 0, total = 1; offset < total; offset += PAGE_SIZE) {
    const page = await service.getFriends({ pagination: { limit: PAGE_SIZE, offset } })
    friends.push(...page.friends.map(({ address }) => address))
    total = page.paginationData?.total ?? 0
  }
  const pagination = { limit: PAGE_SIZE, offset: 0 }
  const lists = [
    await service.getPendingFriendshipRequests({ pagination }),
    await service.getSentFriendshipRequests({ pagination })
  ]
  const requests = lists.reduce((sum, { paginationData }) => sum + (paginationData?.total ?? 0), 0)
  return { friends, requests }
}
