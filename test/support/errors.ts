// How tests say which error they expect: by its code, and by words of its message where the code alone says too little.
import { type ErrorCode, ToolwardenError } from '../../events/errors.ts'

/** A predicate for assert.throws and assert.rejects. */
export function withCode(code: ErrorCode, message: RegExp = /(?:)/): (error: unknown) => boolean {
  return (error) => error instanceof ToolwardenError && error.code === code && message.test(error.message)
}
