/** One step of a recorded session: a frame of a client, a frame of the server, or that a subscription is open. */
export type Step =
  | { readonly who: string; readonly kind: 'sends' | 'gets'; readonly bytes: Buffer }
  | { readonly who: string; readonly kind: 'is subscribed' }
  | { readonly kind: 'remark'; readonly text: string }

const FRAME = /^(\w+) (sends|gets) ([0-9a-f]*)$/
const SUBSCRIBED = /^(\w+) is subscribed$/
const REMARK = /^# (.*)$/

/** Reads a session: one step a line. */
export function parseSession(text: string): Step[] {
  return text.split('\n').flatMap(line => (line === '' ? [] : [parseStep(line)]))
}

function parseStep(line: string): Step {
  const [, who = '', kind, hex = ''] = FRAME.exec(line) ?? []
  if (kind === 'sends' || kind === 'gets') return { who, kind, bytes: Buffer.from(hex, 'hex') }
  const [, subscriber] = SUBSCRIBED.exec(line) ?? []
  if (subscriber) return { who: subscriber, kind: 'is subscribed' }
  const [, remark] = REMARK.exec(line) ?? []
  if (remark) return { kind: 'remark', text: remark }
  throw new Error(`Not a step of a session: ${line}`)
}

export function formatSession(steps: readonly Step[]): string {
  return steps.map(step => `${formatStep(step)}\n`).join('')
}

function formatStep(step: Step): string {
  switch (step.kind) {
    case 'remark':
      return `\n# ${step.text}`
    case 'is subscribed':
      return `${step.who} ${step.kind}`
    default:
      return `${step.who} ${step.kind} ${step.bytes.toString('hex')}`
  }
}

/** What stands in a recording for the access token of a user, which is another each time; it has the same length. */
export function tokenMask(who: string): Buffer {
  return Buffer.from(`the-access-token-of-${who}`.padEnd(43, '-'))
}

/** The same bytes with one part replaced by another of its length. */
export function replaced(bytes: Buffer, part: Buffer, by: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const at = copy.indexOf(part)
  if (at !== -1) by.copy(copy, at)
  return copy
}
