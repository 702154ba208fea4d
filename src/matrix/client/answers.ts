import { z } from 'zod'

/** Of calls whose answer says no more than that they were done. */
export const NOTHING = z.object({})

/** Any JSON object, as somebody else wrote it. */
export const CONTENT = z.record(z.string(), z.unknown())

export const USER_ID = z.templateLiteral(['@', z.string(), ':', z.string()])
export const ROOM_ID = z.object({ room_id: z.templateLiteral(['!', z.string()]) }).transform(answer => answer.room_id)
export const EVENT_ID = z
  .object({ event_id: z.templateLiteral(['$', z.string()]) })
  .transform(answer => answer.event_id)

/** Where a user stands in a room. */
export const MEMBERSHIP = z.enum(['join', 'invite', 'knock', 'leave', 'ban'])
export type Membership = z.infer<typeof MEMBERSHIP>
