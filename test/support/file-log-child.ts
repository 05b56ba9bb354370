// A process that appends numbered records to the embedded log until it is killed, or as many as it was told.
// It prints each number once it is acknowledged, so that a test knows what must be there.
import { writeSync } from 'node:fs'
import { FileLog } from '../../events/file-log.ts'

const [root = '', chain = '', count = '0'] = process.argv.slice(2)
const log = new FileLog({ root })
for (let number = 0; number < Number(count); number += 1) {
  const values = [`${number}a`, `${number}b`].map((value) => ({
    key: chain,
    value: Buffer.from(value.padEnd(1_000)),
    headers: {},
  }))
  await log.append('events', values, { chain, deadlineMs: 5_000, mayUseReserve: true })
  writeSync(1, `${number}\n`)
}
await log.close()
