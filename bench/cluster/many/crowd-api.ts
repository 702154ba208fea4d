/** The clients of one process, who are a part of all members of the circle. */
export interface Part {
  /** The RPC ports of all instances. */
  readonly urls: readonly string[]
  /** The first member, and the one after the last. */
  readonly from: number
  readonly to: number
  /** Members of the whole circle. */
  readonly total: number
  /** Of each member: those who stand nearest, half of them to each side. */
  readonly friends: number
}

/** All times in milliseconds. */
export interface PushTimes {
  /** From the answer to the one who acted until the other was told; 0 where that came first. */
  readonly afterAnswer: readonly number[]
  /** From when the update was due. */
  readonly afterDue: readonly number[]
}

/** What became of updates that went on while instances were restarted. */
export interface Background {
  readonly updates: number
  /** How often an action had to be sent again, because its connection was lost or it was refused. */
  readonly repeated: number
  /** Pairs of whom the last state was not told in time. */
  readonly untold: number
  /** From the answer until the last state was told, in milliseconds. */
  readonly afterAnswer: readonly number[]
}

/** What a process saw since all its clients were there. */
export interface Sightings {
  /** From the loss of a connection until the next one was verified, in milliseconds: each time of each client. */
  readonly away: readonly number[]
  /** The same until the streams were accepted again. */
  readonly back: readonly number[]
  /** The longest time for which each member was away, of those who once were for half of the grace. */
  readonly longAway: readonly (readonly [member: number, ms: number])[]
  /** Members of whom somebody was told that they are offline, each time. */
  readonly offline: readonly number[]
}

/** Why a connection was lost or not made, or what should not have happened, and how often. */
export type Failures = readonly (readonly [why: string, times: number])[]

/** What a process with a part of the clients does when it is asked to, one after the other. */
export interface CrowdApi {
  /** Makes the users, with signatures that are good for some minutes. */
  prepare(part: Part): Promise<void>
  /** Connects some, subscribes, and ends the connections. */
  warmUp(count: number): Promise<void>
  /** Connects everybody, and subscribes to updates. */
  connect(): Promise<void>
  /** Everybody subscribes to the connectivity of friends too. */
  watchFriends(): Promise<void>
  /** So many updates, each of which another member is told. */
  push(count: number, rate: number): Promise<PushTimes>
  /** Goes on with updates, so many in a second, from now on. */
  goOn(rate: number): Promise<void>
  /** Ends them, and waits until all last states are told. */
  settle(): Promise<Background>
  /** Members whose friends are not all shown to them as online. */
  countUnseeing(): Promise<number>
  /** Those since it was asked last. */
  takeFailures(): Promise<Failures>
  look(graceMs: number): Promise<Sightings>
}

/** From the process to the one that has started it. */
export type CrowdMessage =
  | { readonly kind: 'here'; readonly count: number }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: string }

/** The other way. */
export interface CrowdRequest<Method extends keyof CrowdApi = keyof CrowdApi> {
  readonly method: Method
  readonly parameters: Parameters<CrowdApi[Method]>
}
