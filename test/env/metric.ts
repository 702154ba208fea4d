/** The value of a series of an instance's metrics; NaN when it is not there. @param token METRICS_TOKEN */
export async function metric(httpUrl: string, token: string, series: string): Promise<number> {
  return valueIn(await scrape(httpUrl, token), series)
}

/** All metrics of an instance, in the text format of Prometheus. */
export async function scrape(httpUrl: string, token: string): Promise<string> {
  const response = await fetch(`${httpUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`The metrics were answered with ${response.status}`)
  return response.text()
}

/** The value of a series, with its labels as they are written; NaN when it is not there. */
export function valueIn(text: string, series: string): number {
  const line = text.split('\n').find(candidate => candidate.startsWith(`${series} `))
  return Number(line?.slice(series.length))
}
