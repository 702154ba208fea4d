import { Pool } from 'undici'

/** A server may drop an idle connection at any time: this is below what common ones allow, in milliseconds. */
const KEEP_ALIVE_MS = 10_000

/**
 * Connections to a homeserver, each for one request at a time.
 * @param url where it is, with a path in front of `/_matrix` if there is one
 * @returns also that path, without a slash at its end
 */
export function homeserverPool(url: string, options: Pool.Options): { readonly pool: Pool; readonly basePath: string } {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { pipelining: 1, keepAliveTimeout: KEEP_ALIVE_MS, ...options })
  return { pool, basePath: pathname.replace(/\/+$/, '') }
}
