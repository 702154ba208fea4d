export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
export const mean = (values: readonly number[]): number => sum(values) / values.length

/** The value below which so large a part of all values lies. Sorts them. */
export function percentile(values: number[], part: number): number {
  values.sort((a, b) => a - b)
  return values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN
}
