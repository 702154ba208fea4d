import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

interface Definition {
  readonly name: string
  readonly help: string
}

/** By the name of a label, the values that it has from the start; none where they are not known before they come. */
type Labels<Name extends string> = Readonly<Record<Name, readonly string[]>>

/**
 * Where metrics are made: the only user of the metrics library. Every series whose labels are known is there from the
 * start, at zero. Numbers must be finite, and no label may take a value that a client made up.
 */
export class MetricRegistry {
  readonly #registry = new Registry()

  get contentType(): string {
    return this.#registry.contentType
  }

  counter<Label extends string>(definition: Definition & { readonly labels: Labels<Label> }): Counter<Label> {
    const { name, help, labels } = definition
    const counter = new Counter({ name, help, labelNames: namesOf(labels), registers: [this.#registry] })
    for (const values of combinations(labels)) counter.inc(values, 0)
    return counter
  }

  histogram<Label extends string = never>(
    definition: Definition & { readonly buckets: readonly number[]; readonly labels: Labels<Label> }
  ): Histogram<Label> {
    const { name, help, labels, buckets } = definition
    const labelNames = namesOf(labels)
    const histogram = new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.#registry] })
    for (const values of combinations(labels)) histogram.zero(values)
    return histogram
  }

  /** A number that goes up and down with what happens. */
  gauge({ name, help }: Definition): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] })
  }

  /**
   * A number that is read whenever the metrics are.
   * @param read gives null when the number cannot be had: it is left out then, rather than wrong
   */
  observe({ name, help }: Definition, read: () => number | null | Promise<number | null>): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        const value = await read()
        if (value === null) this.remove()
        else this.set(value)
      }
    })
  }

  /** As {@link observe}, for a number of each value of a label. */
  observeEach<Value extends string>(
    { name, help, label }: Definition & { readonly label: string },
    read: () => Readonly<Record<Value, number>> | Promise<Readonly<Record<Value, number | null>>>
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        for (const [value, number] of Object.entries<number | null>(await read())) {
          if (number === null) this.remove({ [label]: value })
          else this.set({ [label]: value }, number)
        }
      }
    })
  }

  /** Everything, in the text format of Prometheus. */
  async render(): Promise<string> {
    return `${await this.#registry.metrics()}\n${await processRegistry().metrics()}`
  }
}

function namesOf<Label extends string>(labels: Labels<Label>): Label[] {
  return Object.keys(labels) as Label[]
}

/** Every way to choose a value for each label; one, without any, where there are no labels. */
function combinations<Label extends string>(labels: Labels<Label>): Record<Label, string>[] {
  const entries = Object.entries<readonly string[]>(labels)
  const all = entries.reduce<Record<string, string>[]>(
    (chosen, [label, values]) => chosen.flatMap(others => values.map(value => ({ ...others, [label]: value }))),
    [{}]
  )
  return all as Record<Label, string>[]
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
