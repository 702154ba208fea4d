import { Client, type ClientBase, type ClientConfig, type PoolConfig, type QueryArrayConfig } from 'pg'
import { ReadOnlyError } from './errors.ts'
import type { Hosts } from './hosts.ts'

/** What tells whether a server is not what is wanted. */
const IS_UNFIT = {
  'read-write': `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean`,
  primary: 'select pg_is_in_recovery()'
}

/** How a pool connects to hosts: to one of them until that fails, or is not what is wanted. */
export function connecting(hosts: Hosts, timeoutMs: number): Pick<PoolConfig, 'Client' | 'onConnect'> {
  class HostClient extends Client {
    readonly url: string

    constructor(config?: ClientConfig) {
      const url = hosts.current
      super({ ...config, connectionString: url })
      this.url = url
    }

    override connect(): Promise<Client>
    override connect(done: (error: Error) => void): void
    override connect(done?: (error: Error) => void): Promise<Client> | undefined {
      if (!done) return super.connect()
      super.connect((error: Error) => {
        if (error) hosts.failed(this.url)
        done(error)
      })
      return undefined
    }
  }
  if (hosts.target === 'any') return { Client: HostClient }

  const query: QueryArrayConfig & { query_timeout: number } = {
    text: IS_UNFIT[hosts.target],
    rowMode: 'array',
    query_timeout: timeoutMs
  }
  const onConnect = async (client: ClientBase): Promise<void> => {
    try {
      const { rows } = await client.query<[boolean]>(query)
      if (rows[0]?.[0] !== false) throw new ReadOnlyError()
    } catch (error) {
      if (client instanceof HostClient) hosts.failed(client.url)
      throw error
    }
  }
  return { Client: HostClient, onConnect }
}
