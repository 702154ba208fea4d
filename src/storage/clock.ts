/** Unix milliseconds by the clock of the database: one clock for all instances, as what they hand over in time needs. */
export const DATABASE_CLOCK = '(extract(epoch from clock_timestamp()) * 1000)::bigint'
