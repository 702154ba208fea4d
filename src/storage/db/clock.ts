/**
 * Unix milliseconds by the clock of the database, at the start of the transaction: one clock for all instances, as what
 * they hand over in time needs.
 */
export const DATABASE_CLOCK = '(extract(epoch from now()) * 1000)::bigint'
