/** Prints rows with their columns below each other. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = []
  for (const [at, cell] of rows.flatMap(row => [...row.entries()])) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  for (const row of rows) console.log(`  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
}
