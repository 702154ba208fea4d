/** A table with its first column to the left and all others to the right. The first line is its head. */
export function markdown(cells: readonly (readonly string[])[]): string {
  const [head = [], ...body] = cells
  const widths = head.map((_, at) => Math.max(...cells.map(line => line[at]!.length)))
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, at) => (at === 0 ? text.padEnd(widths[at]!) : text.padStart(widths[at]!))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? `${'-'.repeat(width + 2)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(head), rule, ...body.map(line)].join('\n')
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en')

/** What was to be reached, and whether it was. */
export const verdict = (holds: boolean, text: string): string => `${text} ${holds ? '✓' : '✗'}`
