import { collect, expectFriends, listenOnV1, type Stage, type V1Person } from './stage.ts'
import { expectSame, type Updates } from './updates.ts'

/** Three wallets on v1 ask each other, accept, list, cancel, reject and part. @returns Alice, and her updates */
export async function friendships(stage: Stage): Promise<{ alice: V1Person; toAlice: Updates }> {
  const { steps } = stage
  const login = (name: string) => steps.run(`${name} logs in with a new wallet`, () => stage.login(name))
  const [alice, bob, carol] = [await login('Alice'), await login('Bob'), await login('Carol')]
  const subscribe = (person: V1Person) =>
    steps.run(`${person.name} subscribes to updates`, () => listenOnV1(stage, person))
  const [toAlice, toBob, toCarol] = [await subscribe(alice), await subscribe(bob), await subscribe(carol)]

  await steps.run('Alice asks Bob: "Shall we build a world?"', () =>
    alice.client.requestFriendship(bob.address, 'Shall we build a world?')
  )
  await steps.run('Bob sees the request at once', () => toBob.expect('request of Alice "Shall we build a world?"'))
  await steps.run('Bob accepts', () => bob.client.acceptFriendshipRequest(alice.address))
  await steps.run('Alice is notified', () => toAlice.expect('accept of Bob'))
  await steps.run('Both list each other', async () => {
    await expectFriends(alice, [bob])
    await expectFriends(bob, [alice])
  })

  await steps.run('Carol befriends Alice and Bob', async () => {
    for (const [friend, updates] of [[alice, toAlice] as const, [bob, toBob] as const]) {
      await carol.client.requestFriendship(friend.address)
      await updates.expect('request of Carol')
      await friend.client.acceptFriendshipRequest(carol.address)
      await toCarol.expect(`accept of ${friend.name}`)
    }
  })
  await steps.run('Alice and Bob have Carol in common', async () => {
    expectSame(await collect(alice.client.getMutualFriends(bob.address)), [carol.address])
  })

  await steps.run('Carol ends her friendship with Bob, who is notified', async () => {
    await carol.client.removeFriend(bob.address)
    await toBob.expect('delete of Carol')
    await expectFriends(bob, [alice])
  })
  await steps.run('Bob asks Carol again, and takes it back', async () => {
    await bob.client.requestFriendship(carol.address)
    await toCarol.expect('request of Bob')
    await bob.client.cancelFriendshipRequest(carol.address)
    await toCarol.expect('cancel of Bob')
  })
  await steps.run('Bob asks once more, and Carol rejects', async () => {
    await bob.client.requestFriendship(carol.address)
    await toCarol.expect('request of Bob')
    await carol.client.rejectFriendshipRequest(bob.address)
    await toBob.expect('reject of Carol')
    await expectFriends(carol, [alice])
  })
  return { alice, toAlice }
}
