import { parentPort } from 'node:worker_threads'
import { recoverSigner } from './ethereum-signature.ts'
import type { SignedMessage } from './signer-recovery.ts'

// A thread of its own, which is told of many signatures at a time and says who made each, in their order. First it says
// that it is there: with nobody.
parentPort?.on('message', (batch: readonly SignedMessage[]) => {
  parentPort?.postMessage(batch.map(({ message, signature }) => recoverSigner(message, signature)))
})
parentPort?.postMessage([])
