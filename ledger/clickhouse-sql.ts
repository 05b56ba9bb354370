// The SQL around statements. Settings stand in the SQL, never in the client's `clickhouse_settings`: chDB's connection turns
// those into SET statements of its session, which persist and reach later statements.

/**
 * What every insert says: one block whatever its size, so that all rows or none appear; no deduplication tokens, by which
 * an insert of other rows would vanish; acknowledged only when written, where servers since 2026 answer earlier.
 */
const INSERT_SETTINGS = [
  'async_insert = 0',
  "deduplicate_insert = 'disable'",
  'insert_deduplicate = 0',
  'input_format_parallel_parsing = 0',
  'max_insert_block_size = 100000000',
  'min_insert_block_size_rows = 100000000',
  'min_insert_block_size_bytes = 4294967296',
  'max_partitions_per_insert_block = 1',
].join(', ')

// ClickHouse remembers which rows met a condition and skips them the next time: what is evidence is read again each time.
const SELECT_SETTINGS = 'output_format_json_quote_64bit_integers = 0, use_query_condition_cache = 0'
/** What ingest reads back must show every acknowledged insert, also from another replica. */
const CONSISTENT_SETTINGS = `${SELECT_SETTINGS}, select_sequential_consistency = 1`

/** An insert of rows in JSONCompactEachRow. */
export function insertSql(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) SETTINGS ${INSERT_SETTINGS} FORMAT JSONCompactEachRow`
}

/** Rows of a SELECT into a table. */
export function insertSelectSql(table: string, columns: readonly string[], select: string): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) ${select} SETTINGS ${INSERT_SETTINGS}`
}

/** A SELECT with the settings of readers. */
export function selectSql(sql: string): string {
  return `${sql}\nSETTINGS ${SELECT_SETTINGS}`
}

/** A SELECT that sees everything acknowledged. */
export function consistentSql(sql: string): string {
  return `${sql}\nSETTINGS ${CONSISTENT_SETTINGS}`
}

/** One line of JSONCompactEachRow for each row. */
export function compactRows<Row extends object>(
  rows: readonly Row[],
  columns: readonly (keyof Row & string)[],
  ingestedAt: string,
): string {
  return rows.map((row) => JSON.stringify([...columns.map((name) => row[name]), ingestedAt])).join('\n')
}

/** The same for rows that have times of their own, by month: an insert makes one partition. */
export function compactRowsByMonth<Row extends object>(
  rows: readonly (Row & { readonly micros: number })[],
  columns: readonly (keyof Row & string)[],
): readonly string[] {
  const months = new Map<string, string[]>()
  for (const row of rows) {
    const at = dateTime64(row.micros)
    const lines = months.get(at.slice(0, 7)) ?? []
    lines.push(JSON.stringify([...columns.map((name) => row[name]), at]))
    months.set(at.slice(0, 7), lines)
  }
  return [...months.values()].map((lines) => lines.join('\n'))
}

/** `2026-11-22 13:00:00.123456` of microseconds since 1970: how DateTime64(6) is written in an insert. */
export function dateTime64(micros: number): string {
  const millis = Math.floor(micros / 1000)
  const iso = new Date(millis).toISOString()
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros - millis * 1000).padStart(3, '0')}`
}
