// What configuration says of servers and tools. Without a word from it every result is untrusted: trusting an agent's own
// files by itself was tried and bought nothing.
import type { ToolClass } from '../events/tool-class.ts'
import type { DetectorSettings } from './settings.ts'

/** Whether results of a tool are trusted by configuration; the first entry that names it counts. */
export function isTrustedSource(
  classes: DetectorSettings['classes'],
  { server, tool }: { readonly server: string; readonly tool: string },
): boolean {
  const entry = classes.find((each) => each.server === server && (each.tool === '*' || each.tool === tool))
  return entry?.trust === 'trusted'
}

/** The class of a tool by configuration; the first entry that names it and says one counts. */
export function classOf(
  classes: DetectorSettings['classes'],
  { server, tool }: { readonly server: string; readonly tool: string },
): ToolClass | undefined {
  const names = (each: { readonly server: string; readonly tool: string }): boolean => {
    return each.server === server && (each.tool === '*' || each.tool === tool)
  }
  return classes.find((each) => each.class !== undefined && names(each))?.class
}

/** Whether the objects of a tool are called sensitive by configuration. */
export function isSensitive(
  classes: DetectorSettings['classes'],
  { server, tool }: { readonly server: string; readonly tool: string },
): boolean {
  return classes.some((each) => each.sensitive && each.server === server && (each.tool === '*' || each.tool === tool))
}
