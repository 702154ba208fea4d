import { collect } from '../../../env/app.ts'
import type { Scenario } from './recorder.ts'

/** Everything that v1 can do, and be refused. After a change it is recorded anew. */
export const scenario: Scenario = async ({ alice, bob, carol }, remark) => {
  const refused = (call: Promise<unknown>): Promise<void> =>
    call.then(
      () => {
        throw new Error('It was not refused')
      },
      () => undefined
    )

  remark('Nobody knows anybody.')
  await alice.client.getRequestEvents()
  await bob.client.getRequestEvents()
  await carol.client.getRequestEvents()
  await collect(alice.client.getFriends())
  await collect(alice.client.getMutualFriends(bob.address))

  remark('Alice and Bob subscribe to updates.')
  const toAlice = await alice.subscribe()
  const toBob = await bob.subscribe()

  remark('Alice asks Bob, and once more, as if the answer had been lost.')
  await alice.client.requestFriendship(bob.address, 'Shall we build a world? 🌍')
  await toBob()
  await alice.client.requestFriendship(bob.address, 'Shall we build a world? 🌍')
  await alice.client.getRequestEvents()
  await bob.client.getRequestEvents()

  remark('What is not possible is refused.')
  await refused(bob.client.requestFriendship(alice.address))
  await refused(alice.client.acceptFriendshipRequest(bob.address))
  await refused(bob.client.cancelFriendshipRequest(alice.address))
  await refused(alice.client.removeFriend(bob.address))
  await refused(alice.client.requestFriendship(alice.address))
  await refused(alice.client.requestFriendship('0x0'))
  await refused(alice.client.requestFriendship(''))
  await refused(alice.client.requestFriendship(carol.address, 'x'.repeat(2001)))
  await refused(collect(alice.client.getMutualFriends('somebody')))

  remark('Bob accepts.')
  await bob.client.acceptFriendshipRequest(alice.address)
  await toAlice()
  await collect(alice.client.getFriends())
  await collect(bob.client.getFriends())

  remark('Carol asks Alice without a word, and then Bob; both accept. Bob names her in capitals.')
  await carol.client.requestFriendship(alice.address)
  await toAlice()
  await carol.client.requestFriendship(bob.address, '')
  await toBob()
  await alice.client.acceptFriendshipRequest(carol.address)
  await bob.client.acceptFriendshipRequest(carol.address.toUpperCase())
  await collect(alice.client.getMutualFriends(bob.address))
  await collect(carol.client.getFriends())

  remark('Carol ends her friendship with Bob, asks again, takes it back, asks again, and is rejected.')
  await carol.client.removeFriend(bob.address)
  await toBob()
  await carol.client.requestFriendship(bob.address)
  await toBob()
  await carol.client.cancelFriendshipRequest(bob.address)
  await toBob()
  await carol.client.requestFriendship(bob.address)
  await toBob()
  await bob.client.rejectFriendshipRequest(carol.address)
  await collect(bob.client.getFriends())
  await carol.client.getRequestEvents()
}
