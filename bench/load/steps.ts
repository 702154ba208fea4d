import type { User } from '../users.ts'
import { ACTORS, actor, type CHANGING } from '../world.ts'

/** One update of a friendship. */
export interface Step {
  readonly actor: User
  readonly target: User
  readonly action: 'request' | 'accept' | 'delete' | 'cancel'
}

type Workload = (typeof CHANGING)[number]

/** What a lane does around and around: request, accept and delete, between everybody of one side and of the other. */
export function befriendings(workload: Workload, lane: number): Step[] {
  return couplesOf(workload, lane).flatMap(([asks, asked]): Step[] => [
    { actor: asks, target: asked, action: 'request' },
    { actor: asked, target: asks, action: 'accept' },
    { actor: asks, target: asked, action: 'delete' }
  ])
}

/** Request and cancel, all by one side, so that the other receives all. */
export function askings(workload: Workload, lane: number): Step[] {
  return couplesOf(workload, lane).flatMap(([asks, asked]): Step[] => [
    { actor: asks, target: asked, action: 'request' },
    { actor: asks, target: asked, action: 'cancel' }
  ])
}

function couplesOf(workload: Workload, lane: number): [User, User][] {
  const side = (name: 'asks' | 'is asked'): User[] =>
    Array.from({ length: ACTORS }, (_, at) => actor(workload, lane, name, at))
  const asked = side('is asked')
  return side('asks').flatMap(one => asked.map((other): [User, User] => [one, other]))
}

export const MESSAGE = 'Shall we build a world?'

/** The body of an update, as both protocols write it. */
export function bodyOf({ action, target: { address } }: Pick<Step, 'action'> & { target: Pick<User, 'address'> }) {
  const user = { address }
  switch (action) {
    case 'request':
      return { $case: action, request: { user, message: MESSAGE } }
    case 'accept':
      return { $case: action, accept: { user } }
    case 'delete':
      return { $case: action, delete: { user } }
    case 'cancel':
      return { $case: action, cancel: { user } }
  }
}
