import { type Address, parseAddress } from '../domain/address.ts'
import { SocialError } from '../domain/errors.ts'
import type { FriendshipAction } from '../domain/friendship.ts'

/** A user as both protocols name one. */
interface UserField {
  readonly address: string
}

/** An action as both protocols write it: a case with the user whom it is about, and of a request the message. */
type ActionField = {
  readonly [Action in FriendshipAction]: { readonly $case: Action } & {
    readonly [Body in Action]: { readonly user: UserField | undefined; readonly message?: string | undefined }
  }
}[FriendshipAction]

/** A case that says nothing but whom it is about. */
type UserCase<Name extends string> = Name extends string
  ? { readonly $case: Name } & { readonly [Key in Name]: { readonly user: UserField } }
  : never

/** What a user wants to happen to whom. */
interface ActionUpon {
  readonly action: FriendshipAction
  readonly target: Address
  readonly message: string | null
}

/** The user that a call is about. @throws SocialError `invalid_request` */
export function addressOf(user: UserField | undefined): Address {
  if (!user?.address) throw new SocialError('invalid_request', '`user` was not provided')
  const address = parseAddress(user.address)
  if (!address) throw new SocialError('invalid_request', '`user` is not an Ethereum address')
  return address
}

/** @throws SocialError `invalid_request` */
export function actionOf(field: ActionField | undefined): ActionUpon {
  switch (field?.$case) {
    case 'request':
      return { action: 'request', target: addressOf(field.request.user), message: field.request.message ?? null }
    case 'accept':
      return { action: 'accept', target: addressOf(field.accept.user), message: null }
    case 'reject':
      return { action: 'reject', target: addressOf(field.reject.user), message: null }
    case 'cancel':
      return { action: 'cancel', target: addressOf(field.cancel.user), message: null }
    case 'delete':
      return { action: 'delete', target: addressOf(field.delete.user), message: null }
    default:
      throw new SocialError('invalid_request', 'No known action was provided')
  }
}

/** An update or answer of both protocols that names a user: `{ $case: 'accept', accept: { user } }`. */
export function userCase<Name extends string>(name: Name, address: Address): UserCase<Name> {
  return { $case: name, [name]: { user: { address } } } as unknown as UserCase<Name>
}
