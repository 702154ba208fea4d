/** What the random tests of this run start from. It is in their names: set it to see the same again. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 0x7fff_ffff)
