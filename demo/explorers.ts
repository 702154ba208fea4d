import type { Explorer, ExplorerAction } from './explorer.ts'
import { Stage } from './stage.ts'
import type { Steps } from './steps.ts'
import { expectSame, until } from './updates.ts'
import { WebhookReceiver } from './webhook-receiver.ts'

/** How long Unity stands still, and how often the service pings meanwhile, in milliseconds. */
const [SILENCE_MS, PING_MS] = [1_000, 100]
/** How often Godot subscribes again: every thirty seconds of ten minutes. */
const ROUNDS = 20
/** How long the service may take to tell another system on a busy machine, in milliseconds. */
const TELL_MS = 10_000

/** The actions by what the service calls them where it tells other systems. */
const ACTION_OF: Readonly<Record<string, ExplorerAction>> = {
  'friendship.requested': 'request',
  'friendship.accepted': 'accept'
}

/**
 * Clients with the habits of the three explorers become friends by protocol v2, and another system is told by a webhook.
 * Unity stands still while a scene loads, and takes up a lost stream at its next login only; Godot subscribes again and
 * again on the same socket; Bevy reads its friends before anything else, and pings.
 * @param closing what is to be undone at the end, last first
 */
export async function explorers(steps: Steps, closing: (() => Promise<void>)[]): Promise<void> {
  const receiver = await WebhookReceiver.start()
  closing.push(() => receiver.close())
  const settings = { PING_INTERVAL: `${PING_MS}ms`, ...receiver.settings }
  const stage = await steps.run('The service starts, with a webhook', () => Stage.open(steps, settings))
  closing.push(() => stage.close())

  const unity = await steps.run('A client like Unity subscribes, and reads its friends', async () => {
    const it = await stage.explore('Unity')
    await stage.subscribe(it)
    expectSame(await it.friends(1_000), [])
    return it
  })
  const godot = await steps.run('A client like Godot reads its friends, and subscribes', async () => {
    const it = await stage.explore('Godot')
    expectSame(await it.friends(100), [])
    await stage.subscribe(it)
    return it
  })
  const bevy = await steps.run('A client like Bevy does the same, and pings', async () => {
    const it = await stage.explore('Bevy')
    expectSame(await it.friends(100), [])
    await stage.subscribe(it)
    await it.ping()
    return it
  })

  const told: string[] = []
  /** Lets somebody act, of which the webhook is to be told. */
  const act = async (actor: Explorer, action: ExplorerAction, target: Explorer): Promise<void> => {
    await actor.act(action, target)
    told.push(`${stage.nameOf(actor.address)} ${action} ${stage.nameOf(target.address)}`)
  }

  await steps.run('Unity asks Godot, who accepts; both are online', async () => {
    await act(unity, 'request', godot)
    await godot.updates.expect('request of Unity')
    await act(godot, 'accept', unity)
    await unity.updates.expect('accept of Godot')
    await Promise.all([unity.sees(godot), godot.sees(unity)])
  })
  await steps.run('Unity loads a scene, and is silent; Bevy asks it', async () => {
    await Promise.all([unity.standStill(SILENCE_MS), act(bevy, 'request', unity)])
  })
  await steps.run('Unity goes on with the same socket, and accepts', async () => {
    await unity.updates.expect('request of Bevy')
    await act(unity, 'accept', bevy)
    await bevy.updates.expect('accept of Unity')
    await Promise.all([unity.sees(bevy), bevy.sees(unity)])
  })
  await steps.run(`Godot subscribes ${ROUNDS} times more, while Bevy asks it`, async () => {
    const streams = await stage.openStreams()
    for (let round = 0; round < ROUNDS; round += 1) {
      // What has come by now is acknowledged before.
      await new Promise(resolve => setImmediate(resolve))
      godot.subscribe()
      if (round === ROUNDS / 2) await act(bevy, 'request', godot)
      expectSame(await godot.friends(100), ['Unity'])
    }
    await until(async () => (await stage.openStreams()) === streams)
  })
  await steps.run('Godot is told once, and accepts', async () => {
    await godot.updates.expect('request of Bevy')
    await act(godot, 'accept', bevy)
    await bevy.updates.expect('accept of Godot')
    await Promise.all([godot.sees(bevy), bevy.sees(godot)])
  })
  await steps.run('The webhook has all of it, signed and in order', async () => {
    await until(() => receiver.received.length >= told.length, TELL_MS)
    const received = receiver.received.map(({ type, data: { actor, target } }) => {
      return `${stage.nameOf(actor)} ${ACTION_OF[type]} ${stage.nameOf(target)}`
    })
    // Of different pairs, either may be told first.
    for (const names of [/Unity.*Godot|Godot.*Unity/, /Unity.*Bevy|Bevy.*Unity/, /Godot.*Bevy|Bevy.*Godot/]) {
      const [actual, expected] = [received, told].map(all => all.filter(words => names.test(words)).join(', '))
      if (actual !== expected) throw new Error(`expected ${expected}, but it was told ${actual}`)
    }
    for (const explorer of [unity, godot, bevy]) explorer.updates.expectNone()
  })
}
