/** Not of the service: an error behind six bytes, which chance alone would not find. It shows that the coverage leads there. */
export function fuzz(data: Buffer): void {
  if (data[0] !== 0x73) return
  if (data[1] !== 0x6f) return
  if (data[2] !== 0x63) return
  if (data[3] !== 0x69) return
  if (data[4] !== 0x61) return
  if (data[5] !== 0x6c) return
  throw new Error('The planted error is found')
}
