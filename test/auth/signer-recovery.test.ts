import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { recoverSigner } from '../../src/auth/ethereum-signature.ts'
import { type SignedMessage, SignerRecovery } from '../../src/auth/signer-recovery.ts'
import { program } from '../env/program.ts'
import { until } from '../env/until.ts'
import { key, owner, signed } from './chain-cases.ts'

const messages: SignedMessage[] = [owner, key, owner].map((by, at) => {
  const { payload, signature } = signed(by, `message ${at}`)
  return { message: payload, signature: at === 2 ? 'none' : (signature ?? '') }
})
const expected = messages.map(({ message, signature }) => recoverSigner(message, signature))

/** Twenty signatures in one turn of the event loop. */
const crowd = (recovery: SignerRecovery) =>
  Array.from({ length: 20 }, (_, at) => recovery.recover(messages[at % messages.length]!))
const expectedOfCrowd = Array.from({ length: 20 }, (_, at) => expected[at % expected.length])

/** The one of the compiled service, as its thread is a file of its own. */
async function compiled(): Promise<SignerRecovery> {
  const [, main = ''] = await program()
  const module = await import(join(dirname(main), 'auth/signer-recovery.js'))
  return new module.SignerRecovery()
}

describe('who made signatures', () => {
  it.skipIf(availableParallelism() === 1)(
    'is found out by a second thread in a crowd, and never mixed up',
    async () => {
      const recovery = await compiled()
      await until(async () => {
        const signers = crowd(recovery)
        expect(await Promise.all(signers)).toEqual(expectedOfCrowd)
        return signers.filter(signer => signer instanceof Promise).length > 10
      }, 'the thread takes signatures')

      // More than the thread may be behind; what is left when it ends is done here.
      const many = Array.from({ length: 20 }, () => crowd(recovery)).flat()
      expect(many.filter(signer => signer instanceof Promise).length).toBeLessThanOrEqual(128)
      recovery.close()
      expect(await Promise.all(many)).toEqual(Array.from({ length: 20 }, () => expectedOfCrowd).flat())
      expect(await Promise.all(crowd(recovery))).toEqual(expectedOfCrowd)
      recovery.close()
    }
  )

  it('is found out at once when there is no crowd', () => {
    const recovery = new SignerRecovery()
    expect(messages.map(message => recovery.recover(message))).toEqual(expected)
  })

  it('is found out also when there can be no thread', async () => {
    // This one is not compiled, and a thread that is cannot be started.
    const recovery = new SignerRecovery()
    for (let round = 0; round < 20; round += 1) {
      expect(await Promise.all(crowd(recovery))).toEqual(expectedOfCrowd)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    recovery.close()
  })
})
