import { type ChildProcess, fork } from 'node:child_process'
import type { CrowdApi, CrowdMessage, CrowdRequest } from './crowd-api.ts'

const PROGRAM = new URL('./load.ts', import.meta.url)

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** A process that holds a part of all clients. */
export class CrowdProcess implements Disposable {
  readonly #child: ChildProcess
  #waiting: Waiting | null = null
  #here = 0

  constructor(signal: AbortSignal) {
    this.#child = fork(PROGRAM, { signal })
    this.#child.on('message', message => this.#receive(message as CrowdMessage))
    this.#child.on('error', error => this.#waiting?.reject(error))
    this.#child.on('exit', code => this.#waiting?.reject(new Error(`A process of clients ended with ${code}`)))
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** Clients that are connected and subscribed, as it said last. */
  get here(): number {
    return this.#here
  }

  /** One thing at a time. @throws Error with what went wrong there */
  ask<Method extends keyof CrowdApi>(
    method: Method,
    ...parameters: Parameters<CrowdApi[Method]>
  ): ReturnType<CrowdApi[Method]> {
    const request: CrowdRequest<Method> = { method, parameters }
    const answer = new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#child.send(request)
    })
    return answer as ReturnType<CrowdApi[Method]>
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }

  #receive(message: CrowdMessage): void {
    if (message.kind === 'here') this.#here = message.count
    else if (message.kind === 'done') this.#waiting?.resolve(message.result)
    else this.#waiting?.reject(new Error(message.error))
  }
}
