// Witnesses that run: the real ones, over real HTTP, each in a directory of its own.
import { formatVerifierKey, type VerifierKey } from '../../ledger/note.ts'
import { Witness } from '../../ledger/witness/witness.ts'
import { WitnessFiles } from '../../ledger/witness/witness-files.ts'
import { createWitnessKey, openWitnessKey } from '../../ledger/witness/witness-key.ts'
import { type RunningWitness, serveWitness } from '../../ledger/witness/witness-server.ts'

/** A witness that answers; its clock is the test's. */
export interface TestWitness {
  readonly name: string
  readonly vkey: VerifierKey
  readonly vkeyText: string
  readonly url: string
  readonly running: RunningWitness
  readonly files: WitnessFiles
}

/** Makes a witness of some logs and serves it. */
export async function startTestWitness(
  directory: string,
  name: string,
  options: { readonly logs: readonly string[]; readonly nowSeconds?: () => number; readonly port?: number },
): Promise<TestWitness> {
  const files = new WitnessFiles(directory)
  await files.create()
  await createWitnessKey(directory, name)
  for (const vkey of options.logs) await files.addLog(vkey)
  const key = await openWitnessKey(directory)
  const nowSeconds = options.nowSeconds ?? (() => 1_000)
  const witness = new Witness({ files, key, logKeys: await files.logKeys(), nowSeconds })
  const problems: unknown[] = []
  const place = { host: '127.0.0.1', port: options.port ?? 0 }
  const running = await serveWitness(witness, place, (error) => problems.push(error))
  const { verifier } = key
  return { name, vkey: verifier, vkeyText: formatVerifierKey(verifier), url: running.url, running, files }
}
