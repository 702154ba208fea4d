/** The methods that each route is served with, so that a wrong method is told apart from a wrong path. */
export class KnownRoutes {
  readonly #routes = new Map<string, { readonly parts: readonly string[]; readonly methods: Set<string> }>()

  /** @param pattern as Fastify has it, such as `/v1/friendships/:userId` */
  add(method: string, pattern: string): void {
    if (pattern.includes('*')) return
    const route = this.#routes.get(pattern) ?? { parts: pattern.split('/'), methods: new Set() }
    this.#routes.set(pattern, route)
    route.methods.add(method)
  }

  /** What the path of a URL could have been asked for with; nothing when there is no such path. */
  methodsAt(url: string): string[] {
    const [path = ''] = url.split('?', 1)
    const given = path.split('/')
    const fits = (parts: readonly string[]): boolean =>
      parts.length === given.length && parts.every((part, index) => part.startsWith(':') || part === given[index])
    const routes = [...this.#routes.values()].filter(({ parts }) => fits(parts))
    return [...new Set(routes.flatMap(({ methods }) => [...methods]))]
  }
}
