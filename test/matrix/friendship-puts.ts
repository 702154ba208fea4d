import { expect } from 'vitest'
import type { Answer, LoggedIn } from '../env/rest.ts'

/** One put of the state event of a friendship, and how it is answered. */
interface Put {
  readonly by: 'alice' | 'bob'
  /** The state key: none, or the user id of who puts it. */
  readonly key: 'empty' | 'own'
  readonly content: { readonly type: string; readonly message?: string | null }
  /** Milliseconds that pass before it. */
  readonly after?: number
  /** `repeated`: with the id of the last put of this user with this key. */
  readonly answer: 'done' | 'repeated' | 'M_BAD_STATE' | 'M_BAD_JSON'
}

/** Puts of two users who have nothing to do with each other yet, and what is between them in the end. */
interface Sequence {
  readonly title: string
  readonly puts: readonly Put[]
  readonly end: 'nothing' | 'request of alice' | 'friendship'
}

const LATE = 61_000
const REQUEST = { type: 'request', message: 'Hi' }
const alice = (key: Put['key'], answer: Put['answer'], more: Partial<Put> = {}): Put => ({
  by: 'alice',
  key,
  content: REQUEST,
  answer,
  ...more
})
const bob = (key: Put['key'], answer: Put['answer'], type: string, after = 0): Put => ({
  by: 'bob',
  key,
  content: { type },
  after,
  answer
})

/** What a repetition is, with a homeserver and without one. */
export const SEQUENCES: readonly Sequence[] = [
  {
    title: 'with the empty key is the same event',
    puts: [alice('empty', 'done'), alice('empty', 'repeated')],
    end: 'request of alice'
  },
  {
    title: 'with the own key is the same event',
    puts: [alice('own', 'done'), alice('own', 'repeated')],
    end: 'request of alice'
  },
  {
    title: 'with the empty key and then the own one changes nothing the second time',
    puts: [alice('empty', 'done'), alice('own', 'done'), alice('own', 'repeated'), alice('empty', 'repeated')],
    end: 'request of alice'
  },
  {
    title: 'with the own key and then the empty one changes nothing the second time',
    puts: [alice('own', 'done'), alice('empty', 'done'), alice('empty', 'repeated'), alice('own', 'repeated')],
    end: 'request of alice'
  },
  {
    title: 'with the empty key is refused after a minute',
    puts: [alice('empty', 'done'), alice('empty', 'M_BAD_STATE', { after: LATE })],
    end: 'request of alice'
  },
  {
    title: 'with the own key is what this user did last, however late it comes',
    puts: [alice('empty', 'done'), alice('own', 'done', { after: LATE }), alice('own', 'repeated', { after: LATE })],
    end: 'request of alice'
  },
  {
    title: 'with the own key and a minute later the empty one is refused',
    puts: [alice('own', 'done'), alice('empty', 'M_BAD_STATE', { after: LATE }), alice('own', 'repeated')],
    end: 'request of alice'
  },
  {
    title: 'is refused when the other has accepted it, who may repeat the answer',
    puts: [
      alice('empty', 'done'),
      bob('empty', 'done', 'accept'),
      alice('empty', 'M_BAD_STATE'),
      alice('own', 'M_BAD_STATE'),
      bob('own', 'done', 'accept', LATE),
      bob('own', 'repeated', 'accept', LATE)
    ],
    end: 'friendship'
  },
  {
    title: 'is a new request when the other has rejected the first one',
    puts: [alice('empty', 'done'), bob('empty', 'done', 'reject'), alice('own', 'done'), alice('empty', 'done')],
    end: 'request of alice'
  },
  {
    title: 'of a deletion is the same event with the own key',
    puts: [
      alice('empty', 'done'),
      bob('empty', 'done', 'accept'),
      bob('empty', 'done', 'delete'),
      bob('own', 'done', 'delete', LATE),
      bob('empty', 'M_BAD_STATE', 'delete')
    ],
    end: 'nothing'
  },
  {
    title: 'with another message is no repetition',
    puts: [
      alice('empty', 'done'),
      alice('own', 'M_BAD_STATE', { content: { type: 'request', message: 'Hello' } }),
      alice('own', 'M_BAD_STATE', { content: { type: 'request' } }),
      alice('own', 'done')
    ],
    end: 'request of alice'
  },
  {
    title: 'has a text for a message, or none',
    puts: [
      alice('empty', 'M_BAD_JSON', { content: { type: 'request', message: null } }),
      alice('own', 'M_BAD_JSON', { content: { type: 'request', message: null } })
    ],
    end: 'nothing'
  },
  {
    title: 'has a message only when it is a request',
    puts: [
      alice('empty', 'done'),
      alice('empty', 'done', { content: { type: 'cancel', message: 'one' } }),
      alice('empty', 'repeated', { content: { type: 'cancel', message: 'another' } }),
      alice('own', 'done', { content: { type: 'cancel' }, after: LATE })
    ],
    end: 'nothing'
  }
]

/** Where two users meet. */
interface Meeting {
  readonly alice: LoggedIn
  readonly bob: LoggedIn
  /** The path of the state event, without a state key. */
  readonly path: string
  readonly userId: (user: LoggedIn) => string
  /** Lets milliseconds pass. */
  readonly pass: (ms: number) => void
}

/** Puts one after the other, and expects that each is answered as the sequence says. */
export async function expectSequence({ puts, end }: Sequence, meeting: Meeting): Promise<void> {
  const last = new Map<string, unknown>()
  for (const [index, { by, key, content, after = 0, answer }] of puts.entries()) {
    meeting.pass(after)
    const user = meeting[by]
    const suffix = key === 'empty' ? '' : `/${encodeURIComponent(meeting.userId(user))}`
    const { status, body } = await user.rest.put(meeting.path + suffix, content)
    const is = `put ${index + 1}`
    if (answer.startsWith('M_'))
      expect({ is, status, errcode: body.errcode }).toEqual({ is, status: 400, errcode: answer })
    else expect({ is, status, body }).toEqual({ is, status: 200, body: { event_id: expect.stringMatching(/^\$/) } })
    if (answer === 'repeated') expect({ is, id: body.event_id }).toEqual({ is, id: last.get(by + key) })
    last.set(by + key, body.event_id)
  }
  expect(await endOf(meeting.alice)).toBe(end)
}

async function endOf({ rest }: LoggedIn): Promise<Sequence['end'] | Answer> {
  const requests = await rest.get('/v1/friendships/me/requests')
  if (requests.body.outgoing.length === 1) return 'request of alice'
  if (requests.body.incoming.length > 0) return requests
  return (await rest.get('/v1/friendships/me')).body.friendships.length > 0 ? 'friendship' : 'nothing'
}
