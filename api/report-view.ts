// How the API shows a verification's report.
import { z } from '@hono/zod-openapi'
import { type VerifyReport, type Violation, verdictOf } from '../ledger/verify-report.ts'

/** A report in an answer. */
export const reportSchema = z
  .object({
    verdict: z.enum(['valid', 'tampered', 'incomplete']),
    counts: z.record(z.string(), z.number()).describe('How much was checked.'),
    violationCount: z.number().int().describe('All of them; `violations` names the first 1,000.'),
    violations: z.array(
      z.object({ code: z.string(), where: z.string(), text: z.string(), hash: z.string().optional() }),
    ),
    openCalls: z
      .array(z.object({ call: z.string(), where: z.string(), state: z.enum(['proposed', 'waiting', 'allowed']) }))
      .describe('Calls of whose outcome nothing is known (yet).'),
    upToMicros: z.number().int().describe('What was stored later was left out; microseconds since 1970.'),
  })
  .openapi('VerifyReport')
/** A report in an answer. */
export type ReportView = z.infer<typeof reportSchema>

/** Shows a report. */
export function showReport(report: VerifyReport): ReportView {
  const { counts, violations, violationCount, openCalls, upToMicros } = report
  return {
    verdict: verdictOf(report),
    counts: { ...counts },
    violationCount,
    violations: violations.map(showViolation),
    openCalls: openCalls.map(({ call, chain, sequence, state }) => ({
      call,
      where: `${chain}, event ${sequence}`,
      state,
    })),
    upToMicros,
  }
}

/** Shows one violation. */
export function showViolation(violation: Violation): ReportView['violations'][number] {
  const { code, text, hash } = violation
  return { code, where: placeOf(violation), text, hash }
}

function placeOf({ chain, sequence, hash = '', position = '' }: Violation): string {
  const event = sequence === undefined ? '' : `event ${sequence}`
  return [chain, event, hash, position].filter((part) => part !== '').join(', ')
}
