// Whether appends may be believed: complete, vouched for, signed, linked. Where appends of one run follow each other by
// sequence and hash, the last signature covers them all through the chain, and it alone is checked; only where it does not
// hold is each looked at by itself. (An earlier signature that was spoilt on its way is found by verification.) Pure.
import { type AppendSignature, appendSignatureHolds } from './chain.ts'
import type { ReadRecord } from './chain-verifier.ts'
import type { Trust } from './trust.ts'

/** The records that one signature covers, the signed one last. */
export interface ReadAppend {
  readonly covered: readonly [ReadRecord, ...ReadRecord[]]
  readonly signature: AppendSignature
}

/** For each append of a batch, in order, why it can't be believed; undefined where it can. */
export function findAppendProblems(
  appends: readonly ReadAppend[],
  { log, trust }: { readonly log: string; readonly trust: Trust },
): readonly (string | undefined)[] {
  const problems = appends.map((append) => formProblem(append, log, trust))
  for (const stretch of findStretches(appends, problems)) {
    const last = stretch.at(-1)
    if (last === undefined || holds(appends[last], log, trust)) continue
    for (const index of stretch) if (!holds(appends[index], log, trust)) problems[index] = 'the signature does not hold'
  }
  return problems
}

/** Indexes of sound appends, in stretches of one run and one run key that follow each other without a break. */
function findStretches(
  appends: readonly ReadAppend[],
  problems: readonly (string | undefined)[],
): readonly (readonly number[])[] {
  const stretches: number[][] = []
  const open = new Map<string, { readonly stretch: number[]; readonly before: ReadAppend }>()
  appends.forEach((append, index) => {
    if (problems[index] !== undefined) return
    const { chain } = append.covered[0]
    const known = open.get(chain)
    const isNext = known !== undefined && follows(known.before, append)
    const stretch = isNext ? known.stretch : []
    if (!isNext) stretches.push(stretch)
    stretch.push(index)
    open.set(chain, { stretch, before: append })
  })
  return stretches
}

function follows(before: ReadAppend, { covered: [first], signature }: ReadAppend): boolean {
  const last = before.covered.at(-1)
  return (
    last !== undefined &&
    first.event.sequence === last.event.sequence + 1 &&
    first.event.previous === last.hash &&
    signature.publicKey.equals(before.signature.publicKey)
  )
}

function holds(append: ReadAppend | undefined, log: string, trust: Trust): boolean {
  if (append === undefined) return false
  const { covered, signature } = append
  const { writer, instance } = covered[0].event
  const key = trust.findRunKey({ log, writer, instance }, signature)
  const hashes = covered.map(({ hash }) => hash)
  return key !== undefined && appendSignatureHolds(key, hashes, signature)
}

function formProblem({ covered, signature }: ReadAppend, log: string, trust: Trust): string | undefined {
  if (signature.count !== covered.length) return 'the signature covers events that are not there'
  const { writer, instance } = covered[0].event
  if (trust.findRunKey({ log, writer, instance }, signature) === undefined)
    return trust.describeRefusal({ log, writer, instance }, signature)
  const linked = covered.every(({ event }, index) => {
    const before = covered[index - 1]
    return before === undefined || (event.sequence === before.event.sequence + 1 && event.previous === before.hash)
  })
  if (!linked) return 'the events of one append do not follow each other'
  return openingProblem(covered, signature)
}

function openingProblem(covered: readonly ReadRecord[], signature: AppendSignature): string | undefined {
  const publicKey = signature.publicKey.toString('base64url')
  const certificate = signature.signature.toString('base64url')
  for (const { event } of covered) {
    if ((event.type === 'writer/open') !== (event.sequence === 1)) return 'a run begins with writer/open, once'
    if (event.type !== 'writer/open') continue
    if (event.publicKey !== publicKey) return 'writer/open names another key than its signature'
    if (event.certificate !== certificate) return 'writer/open names another certificate than its signature'
  }
  return undefined
}
