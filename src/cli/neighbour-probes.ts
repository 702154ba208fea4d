import type { Config } from '../config/config.ts'
import { parseAddress } from '../domain/address.ts'
import { GatekeeperSink } from '../notifications/gatekeeper-sink.ts'
import { unknownProfile } from '../profiles/profile.ts'

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 10_000
/** Who is in no room, so that nothing changes by what is said of them. */
const NOBODY = parseAddress(`0x${'0'.repeat(40)}`)

/** Whether there is the topic; nothing is published. The SDK is loaded by who wants it. */
export async function sns({ sns: options }: Config): Promise<string | null> {
  if (options === null) return null
  const { SnsSink } = await import('../notifications/sns-sink.ts')
  const sink = new SnsSink({ profiles: { lookUp: async () => unknownProfile } }, options)
  try {
    const isThere = await sink.look(AbortSignal.timeout(TIMEOUT_MS))
    return isThere ? 'has the topic' : 'answers, and does not show the topic to this user'
  } catch (error) {
    throw new Error(`${(error as Error).message}. Are AWS_SNS_ARN and the credentials right?`)
  } finally {
    await sink.close()
  }
}

export async function gatekeeper({ gatekeeper: options }: Config): Promise<string | null> {
  if (options === null || NOBODY === null) return null
  const sink = new GatekeeperSink({ ...options, connections: 1 })
  try {
    await sink.tell(NOBODY, 'all', AbortSignal.timeout(TIMEOUT_MS))
    return 'takes what it is told'
  } catch (error) {
    throw new Error(`${(error as Error).message}. Are COMMS_GATEKEEPER_URL and its token right?`)
  } finally {
    await sink.close()
  }
}
