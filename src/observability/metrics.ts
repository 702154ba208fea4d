import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What one call, connection, update and request are counted under: other names are counted as `other`. */
interface MetricNames {
  readonly procedures: readonly string[]
  /** How a call can end. */
  readonly codes: readonly string[]
  /** What a client can be told on a subscription. */
  readonly events: readonly string[]
  /** How a device can begin to be told. */
  readonly beginnings: readonly string[]
  /** How a socket can end. */
  readonly ends: readonly string[]
}

/** Counts what the service does. Numbers must be finite; no label takes a value that a client made up. */
export interface Metrics {
  /** One call that is over; of a stream after its end, with the bytes of all its elements. */
  callEnded(procedure: string, code: string, seconds: number, bytesIn: number, bytesOut: number): void
  connectionOpened(): void
  connectionEnded(seconds: number): void
  /** How a socket ended, also one that was never counted as a connection. */
  socketEnded(end: string): void
  updateSent(event: string): void
  /** How a device began to be told of updates. */
  streamBegun(beginning: string): void
  /** Makes a route known by its pattern, so that it is counted by its name and shown before its first request. */
  declareRoute(method: string, route: string): void
  httpStarted(): void
  httpEnded(method: string, route: string, status: number, seconds: number): void
  /** Everything, in the text format of Prometheus. */
  render(): Promise<string>
  readonly contentType: string
  /** Where other parts register what they count. */
  readonly registry: Registry
}

const PREFIX = 'dcl_social_service_rpc_'
const OTHER = 'other'

// The bounds that the first implementation had, and finer ones below.
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const CONNECTION_SECONDS = [1, 10, 60, 300, 900, 1800, 3600, 10_800, 43_200, 86_400]
const CALL_BYTES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144]

/** The metrics of one app. Every series of the names given is there from the start, at zero. */
export function createMetrics({ procedures, codes, events, beginnings, ends }: MetricNames): Metrics {
  const registry = new Registry()
  const rpc = rpcMetrics(registry)
  const http = httpMetrics(registry)
  const known = { procedures: orOther(procedures), codes: orOther(codes), events: orOther(events) }
  const routes = new Set<string>()

  for (const procedure of [...procedures, OTHER]) {
    rpc.bytesIn.zero({ procedure })
    for (const code of codes) {
      rpc.calls.inc({ code, procedure }, 0)
      rpc.callSeconds.zero({ code, procedure })
      rpc.bytesOut.zero({ code, procedure })
    }
  }
  for (const event of events) rpc.updates.inc({ event }, 0)
  for (const end of ends) rpc.ends.inc({ code: end }, 0)
  for (const beginning of beginnings) rpc.beginnings.inc({ beginning }, 0)
  http.seconds.zero({ method: OTHER, route: OTHER, code: 404 })

  return {
    callEnded(procedureName, codeName, seconds, bytesIn, bytesOut) {
      const procedure = known.procedures(procedureName)
      const labels = { code: known.codes(codeName), procedure }
      rpc.calls.inc(labels)
      rpc.callSeconds.observe(labels, seconds)
      rpc.bytesIn.observe({ procedure }, bytesIn)
      rpc.bytesOut.observe(labels, bytesOut)
    },
    connectionOpened() {
      rpc.connections.inc()
    },
    connectionEnded(seconds) {
      rpc.connections.dec()
      rpc.connectionSeconds.observe(seconds)
    },
    socketEnded(end) {
      rpc.ends.inc({ code: end })
    },
    streamBegun(beginning) {
      rpc.beginnings.inc({ beginning })
    },
    updateSent(event) {
      rpc.updates.inc({ event: known.events(event) })
    },
    declareRoute(method, route) {
      routes.add(`${method} ${route}`)
      http.seconds.zero({ method, route, code: 200 })
    },
    httpStarted() {
      http.inFlight.inc()
    },
    httpEnded(method, route, status, seconds) {
      http.inFlight.dec()
      const labels = routes.has(`${method} ${route}`) ? { method, route } : { method: OTHER, route: OTHER }
      http.seconds.observe({ ...labels, code: status }, seconds)
    },
    async render() {
      return `${await registry.metrics()}\n${await processRegistry().metrics()}`
    },
    contentType: registry.contentType,
    registry
  }
}

function rpcMetrics(registry: Registry) {
  const registers = [registry]
  return {
    calls: new Counter({
      name: `${PREFIX}procedure_call_total`,
      help: 'RPC calls that are over, by how they ended',
      labelNames: ['code', 'procedure'],
      registers
    }),
    callSeconds: new Histogram({
      name: `${PREFIX}procedure_call_duration_seconds_histogram`,
      help: 'Time from an RPC call to its answer, or to the end of its stream',
      labelNames: ['code', 'procedure'],
      buckets: CALL_SECONDS,
      registers
    }),
    bytesIn: new Histogram({
      name: `${PREFIX}in_procedure_call_size_bytes_histogram`,
      help: 'Size of the payload of an RPC call',
      labelNames: ['procedure'],
      buckets: CALL_BYTES,
      registers
    }),
    bytesOut: new Histogram({
      name: `${PREFIX}out_procedure_call_size_bytes_histogram`,
      help: 'Size of the answer to an RPC call, or of all elements of its stream',
      labelNames: ['code', 'procedure'],
      buckets: CALL_BYTES,
      registers
    }),
    connections: new Gauge({ name: `${PREFIX}connected_clients_total`, help: 'RPC sockets that are open', registers }),
    connectionSeconds: new Histogram({
      name: `${PREFIX}connection_duration_seconds_histogram`,
      help: 'Time for which an RPC socket was open',
      buckets: CONNECTION_SECONDS,
      registers
    }),
    ends: new Counter({
      name: `${PREFIX}sockets_closed_total`,
      help: 'RPC sockets that are gone, by the code with which they were closed here, by their client, or lost',
      labelNames: ['code'],
      registers
    }),
    beginnings: new Counter({
      name: `${PREFIX}streams_begun_total`,
      help: 'Update streams by how they began: fresh, resumed where the device left off, or too late for that',
      labelNames: ['beginning'],
      registers
    }),
    updates: new Counter({
      name: `${PREFIX}updates_sent_on_subscription_total`,
      help: 'Updates sent to subscribers',
      labelNames: ['event'],
      registers
    })
  }
}

function httpMetrics(registry: Registry) {
  return {
    seconds: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from an HTTP request to the end of its answer',
      labelNames: ['method', 'route', 'code'],
      buckets: CALL_SECONDS,
      registers: [registry]
    }),
    inFlight: new Gauge({
      name: 'http_requests_in_flight',
      help: 'HTTP requests that are being answered',
      registers: [registry]
    })
  }
}

function orOther(names: readonly string[]): (name: string) => string {
  const known = new Set(names)
  return name => (known.has(name) ? name : OTHER)
}

let sharedProcessRegistry: Registry | undefined

/** Memory, CPU, garbage collection and event loop: of the process, not of an app, and their observers never stop. */
function processRegistry(): Registry {
  if (!sharedProcessRegistry) {
    sharedProcessRegistry = new Registry()
    collectDefaultMetrics({ register: sharedProcessRegistry })
  }
  return sharedProcessRegistry
}
