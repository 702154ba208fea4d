/** To whom something of a user is shown, from everybody to nobody else. */
export const EXPOSURES = ['EVERYONE', 'FRIENDS_OF_FRIENDS', 'FRIENDS', 'ONLY_ME'] as const
export type Exposure = (typeof EXPOSURES)[number]

/** How near a viewer is to the user at whose things they look. */
export interface Closeness {
  readonly friends: boolean
  /** They have a friend in common. */
  readonly friendsOfFriends: boolean
}

/** May somebody who is not the owner see what the owner exposes so far? */
export function maySee(exposure: Exposure, closeness: Closeness): boolean {
  switch (exposure) {
    case 'EVERYONE':
      return true
    case 'FRIENDS_OF_FRIENDS':
      return closeness.friends || closeness.friendsOfFriends
    case 'FRIENDS':
      return closeness.friends
    case 'ONLY_ME':
      return false
  }
}
