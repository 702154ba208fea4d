import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Address } from '../domain/address.ts'
import { recoverSigner } from './ethereum-signature.ts'

/** What somebody signed by personal_sign, and the signature. */
export interface SignedMessage {
  readonly message: string
  readonly signature: string
}

type Signer = Address | null

interface Waiting extends SignedMessage {
  readonly resolve: (signer: Signer) => void
}

/** Signatures within one turn of the event loop that are no crowd: two logins. */
const CALM = 4
/** Signatures that the thread may be behind, about ten milliseconds of it; with more, this thread does its part. */
const MAX_WAITING = 128
/** For so long there must have been no crowd before the thread ends, in milliseconds. */
const IDLE_MS = 30_000
/** Of the same kind as this file: compiled, or TypeScript where that is understood. */
const PROGRAM = new URL(`./signature-worker${extname(import.meta.url)}`, import.meta.url)

/**
 * Recovers who made signatures: at once; in a crowd by a second thread, where the machine has a core for it, so that this
 * one can go on with everything else. There is no such thread, and none of its memory, while there is no crowd.
 */
export class SignerRecovery {
  #worker: Worker | null = null
  /** The thread takes signatures. */
  #isReady = false
  /** There can be no thread, or it is of no use. */
  #isAlone = availableParallelism() === 1
  /** Given to the thread, in the order in which it answers. */
  #given: Waiting[] = []
  /** To be given to it when this turn is over. */
  #next: Waiting[] = []
  #inTurn = 0
  #isTurnAwaited = false
  #idleTimer: NodeJS.Timeout | undefined

  /** @returns null when it is no signature */
  recover(signed: SignedMessage): Signer | Promise<Signer> {
    this.#inTurn += 1
    this.#awaitTurn()
    if (!this.#isCrowd()) return recoverSigner(signed.message, signed.signature)
    this.#worker ??= this.#start()
    this.#idleTimer?.refresh()
    const isBehind = this.#given.length + this.#next.length >= MAX_WAITING
    if (!this.#isReady || isBehind) return recoverSigner(signed.message, signed.signature)
    return new Promise(resolve => this.#next.push({ ...signed, resolve }))
  }

  /** Ends the thread; what it was to do is done here. */
  close(): void {
    clearTimeout(this.#idleTimer)
    void this.#worker?.terminate()
    this.#worker = null
    this.#isReady = false
    const left = [...this.#given, ...this.#next]
    this.#given = []
    this.#next = []
    for (const { message, signature, resolve } of left) resolve(recoverSigner(message, signature))
  }

  #isCrowd(): boolean {
    return !this.#isAlone && (this.#inTurn > CALM || this.#given.length > 0)
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return
    this.#isTurnAwaited = true
    setImmediate(() => {
      this.#isTurnAwaited = false
      this.#inTurn = 0
      this.#give()
    })
  }

  #give(): void {
    if (this.#next.length === 0) return
    this.#worker?.postMessage(this.#next.map(({ message, signature }) => ({ message, signature })))
    this.#given.push(...this.#next)
    this.#next = []
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM)
    worker.unref()
    worker.on('message', (signers: readonly Signer[]) => {
      // What an ended thread still says was recovered here meanwhile.
      if (this.#worker !== worker) return
      this.#isReady = true
      for (const signer of signers) this.#given.shift()?.resolve(signer)
    })
    // Whatever it was, it would be the same again.
    worker.on('error', () => {
      this.#isAlone = true
      this.close()
    })
    this.#idleTimer = setTimeout(() => this.close(), IDLE_MS).unref()
    return worker
  }
}
