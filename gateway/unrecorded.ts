// Why a call is denied whose record could not be made: no record, no call.
import { ToolwardenError } from '../events/errors.ts'
import type { Decision } from './decide.ts'

/** The refusal of a call that failed before its decision was durable. */
export function unrecorded(error: unknown): Pick<Decision, 'decision' | 'reason' | 'text'> {
  if (!(error instanceof ToolwardenError))
    return { decision: 'deny', reason: 'evaluation_error', text: 'the call could not be evaluated' }
  if (error.code === 'CHAIN_CLOSED') return { decision: 'deny', reason: 'stopping', text: 'the gateway is stopping' }
  if (error.code === 'LOG_FULL')
    return { decision: 'deny', reason: 'log_full', text: 'the event log has no room, so the call cannot be recorded' }
  if (error.code.startsWith('LOG_'))
    return {
      decision: 'deny',
      reason: 'log_unavailable',
      text: 'the event log is unavailable, so the call cannot be recorded',
    }
  return { decision: 'deny', reason: 'evaluation_error', text: `the call cannot be recorded: ${error.message}` }
}
