/** The value of a series of an instance's metrics; NaN when it is not there. @param token METRICS_TOKEN */
export async function metric(httpUrl: string, token: string, series: string): Promise<number> {
  const response = await fetch(`${httpUrl}/metrics`, { headers: { authorization: `Bearer ${token}` } })
  const line = (await response.text()).split('\n').find(text => text.startsWith(`${series} `))
  return Number(line?.slice(series.length))
}
