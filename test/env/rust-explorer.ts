import { SocialServiceDefinition } from '@dcl/protocol/out-js/decentraland/social_service/v2/social_service_v2.gen.js'
import type { Wallet } from '../../demo/wallet.ts'
import { RustClient } from './rust-client.ts'
import { until } from './until.ts'
import { handshakeOf } from './v2.ts'

type Methods = typeof SocialServiceDefinition.methods
export type Method = keyof Methods
type Part<Whole> = Whole extends object ? { [Key in keyof Whole]?: Part<Whole[Key]> } : Whole
type Request<Name extends Method> = Part<ReturnType<Methods[Name]['requestType']['decode']>>
type Answer<Name extends Method> = ReturnType<Methods[Name]['responseType']['decode']>

/** A codec of a message, whichever it is. */
interface Codec {
  encode(message: unknown): { finish(): Uint8Array }
  decode(bytes: Uint8Array): unknown
  fromPartial(part: unknown): unknown
}

/** How an explorer that is written in Rust uses the library. */
export type ExplorerKind = 'godot' | 'bevy'

/** A user on an explorer in Rust, over protocol v2. */
export class RustExplorer extends RustClient {
  readonly wallet: Wallet

  constructor(program: string, kind: ExplorerKind, rpcUrl: string, wallet: Wallet) {
    super(program, [kind, rpcUrl], /^(item|ended|closed)\b/)
    this.wallet = wallet
  }

  get address(): Wallet['address'] {
    return this.wallet.address
  }

  /** Opens a socket, with what the user signs at this moment. */
  async connect(): Promise<void> {
    const outcome = await this.does(`connect ${JSON.stringify(handshakeOf(this.wallet))}`)
    if (outcome !== 'connected') throw new Error(`Not connected: ${outcome}`)
  }

  async call<Name extends Method>(name: Name, request: Request<Name>): Promise<Answer<Name>> {
    const { requestType, responseType } = codecsOf(name)
    const payload = Buffer.from(requestType.encode(requestType.fromPartial(request)).finish()).toString('hex')
    const outcome = await this.does(`call ${snakeCase(name)} ${payload}`.trimEnd())
    if (!outcome.startsWith('answer')) throw new Error(`${name}: ${outcome}`)
    return responseType.decode(Buffer.from(outcome.slice('answer '.length), 'hex')) as Answer<Name>
  }

  async subscribe(name: Method): Promise<void> {
    const outcome = await this.does(`subscribe ${snakeCase(name)}`)
    if (outcome !== 'subscribed') throw new Error(`${name}: ${outcome}`)
  }

  /** What came on the streams of a name, oldest first. */
  items<Name extends Method>(name: Name): Answer<Name>[] {
    const start = `item ${snakeCase(name)} `
    return this.received
      .filter(line => line.startsWith(start))
      .map(line => codecsOf(name).responseType.decode(Buffer.from(line.slice(start.length), 'hex')) as Answer<Name>)
  }

  /** Waits until as many items have come on the streams of a name. */
  async hasReceived(name: Method, count: number): Promise<void> {
    await until(() => this.items(name).length >= count, `${count} items of ${name} come`)
  }

  /** How many streams of a name have ended. */
  ended(name: Method): number {
    return this.received.filter(line => line === `ended ${snakeCase(name)}`).length
  }
}

function codecsOf(name: Method): { requestType: Codec; responseType: Codec } {
  return SocialServiceDefinition.methods[name] as unknown as { requestType: Codec; responseType: Codec }
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
