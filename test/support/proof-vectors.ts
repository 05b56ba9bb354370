// The published vectors of Merkle proofs (../shared/data/vectors/merkle-*.json), where they are.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './project-root.ts'

/** One claim; those of inclusion and of consistency have fields of their own. Hashes in base64. */
export interface ProofVector {
  readonly name: string
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string
  readonly leafHash: string
  readonly size1: number
  readonly size2: number
  readonly root1: string
  readonly root2: string
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}

const folder = join(projectRoot, '..', 'shared', 'data', 'vectors')

/** False, or why there are none. */
export const vectorsSkip = existsSync(folder) ? false : 'the published vectors are not here'

/** The vectors of one file; none where they are not here. */
export function readProofVectors(name: string): readonly ProofVector[] {
  return vectorsSkip === false ? (JSON.parse(readFileSync(join(folder, name), 'utf8')) as readonly ProofVector[]) : []
}
