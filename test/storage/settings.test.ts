import { afterAll, beforeAll, expect, it } from 'vitest'
import { EXPOSURES } from '../../src/domain/policy.ts'
import { DEFAULT_SETTINGS, MESSAGE_PRIVACIES, VISIBILITIES } from '../../src/domain/settings.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { describeEachDatabase } from '../env/databases.ts'
import { newUser, Stores } from './stores.ts'

describeEachDatabase('settings', kind => {
  let stores: Stores
  let settings: SettingsStore
  beforeAll(async () => {
    stores = await Stores.open(kind)
    settings = new SettingsStore(stores.db)
  })
  afterAll(() => stores[Symbol.asyncDispose]())

  it('are the defaults until they are changed', async () => {
    const user = newUser()
    expect(await settings.read(user)).toEqual(DEFAULT_SETTINGS)
    expect(await settings.change(user, {})).toEqual(DEFAULT_SETTINGS)
    expect(await settings.read(user)).toEqual(DEFAULT_SETTINGS)
  })

  it('are changed one by one, and the rest stays', async () => {
    const user = newUser()
    const changes = [
      ...EXPOSURES.flatMap(exposure => [{ friends: exposure }, { friendsCount: exposure }]),
      ...MESSAGE_PRIVACIES.map(privateMessages => ({ privateMessages })),
      ...VISIBILITIES.flatMap(visibility => [{ blockedMessages: visibility }, { situationReactions: visibility }])
    ]
    let expected = DEFAULT_SETTINGS
    for (const change of changes) {
      expected = { ...expected, ...change }
      expect(await settings.change(user, change)).toEqual(expected)
      expect(await settings.read(user)).toEqual(expected)
    }
  })

  it('that are changed at once are all stored', async () => {
    const user = newUser()
    await Promise.all([
      settings.change(user, { friends: 'EVERYONE' }),
      settings.change(user, { privateMessages: 'only_friends' }),
      settings.change(user, { situationReactions: 'hide' })
    ])
    expect(await settings.read(user)).toEqual({
      ...DEFAULT_SETTINGS,
      friends: 'EVERYONE',
      privateMessages: 'only_friends',
      situationReactions: 'hide'
    })
  })

  it('of many about messages come in one answer, in the order of the request', async () => {
    const [user, friend, sender, closed, blocked] = [newUser(), newUser(), newUser(), newUser(), newUser()]
    const unknown = newUser()
    await stores.befriend(user, friend)
    await stores.act(sender, 'request', user)
    await stores.befriend(user, blocked)
    await stores.act(blocked, 'block', user)
    await settings.change(closed, { privateMessages: 'only_friends' })
    await settings.change(friend, { privateMessages: 'only_friends' })
    const row = (address: string, privateMessages: string, isFriend: boolean) => ({
      address,
      privateMessages,
      isFriend
    })
    const others = [unknown, closed, friend, sender, blocked, friend, user]
    expect(await settings.messageSettings(user, others)).toEqual([
      row(unknown, 'all', false),
      row(closed, 'only_friends', false),
      row(friend, 'only_friends', true),
      row(sender, 'all', false),
      row(blocked, 'all', false),
      row(friend, 'only_friends', true),
      row(user, 'all', false)
    ])
  })
})
