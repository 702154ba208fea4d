import { formatPath, parsePath } from '../../../src/matrix/proxy/path.ts'

/** A path for the homeserver: what is let through is the same path for us, for the homeserver, and for every proxy between. */
export function fuzz(data: Buffer): void {
  const parsed = parsePath(data.toString('latin1'))
  if (parsed === null) return
  const path = formatPath(parsed)
  if (new URL(path, 'http://homeserver').pathname !== path) throw new Error(`${path} is normalized into another path`)
  if (JSON.stringify(parsePath(path)) !== JSON.stringify(parsed)) throw new Error(`${path} is read as another path`)
  if (decodeURIComponent(path).split('/').length !== path.split('/').length) throw new Error(`${path} hides a slash`)
}
