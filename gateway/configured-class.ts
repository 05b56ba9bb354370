// The class of a tool by configuration: an operator's word counts before the server's hints and the name.
import type { ToolClass } from '../events/tool-class.ts'
import type { GovernedRequest } from './call-gate.ts'

/** The request with the class that the configuration gives its tool, where it gives one. */
export function classified(
  request: GovernedRequest,
  configuredClass: ((tool: string) => ToolClass | undefined) | undefined,
): GovernedRequest {
  const toolClass = request.method === 'tools/call' ? configuredClass?.(request.tool) : undefined
  return toolClass === undefined ? request : { ...request, toolClass }
}
