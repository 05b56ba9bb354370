// Authensor's action types as tool patterns. Its gateway calls an MCP tool `x` by the type `mcp.x`: what is left of a pattern
// once `mcp.` has been matched is a pattern over tools. Types of other integrations stay as they are, as names of tools.

/** Patterns over tools, and whether they speak of MCP tools at all; undefined where no pattern says the same. */
export type ToolGlobs = { readonly globs: readonly string[]; readonly isMcp: boolean }

const MCP = 'mcp.'
/** Most patterns that one condition becomes. */
const MAX_GLOBS = 64

/** The patterns of a comparison of `action.type`; undefined where there are none that say the same. */
export function globsOfComparison(operator: string, value: unknown): ToolGlobs | undefined {
  const values = operator === 'in' && Array.isArray(value) ? (value as readonly unknown[]) : [value]
  if (values.length === 0 || values.length > MAX_GLOBS || !values.every(isPlain)) return undefined
  switch (operator) {
    case 'eq':
    case 'in':
      return join(values.map(toolGlobs))
    case 'startsWith':
      return join(values.map((text) => toolGlobs(`${text}*`)))
    case 'endsWith':
      return join(values.map((text) => toolGlobs(`*${text}`)))
    case 'contains':
      return join(values.map((text) => toolGlobs(`*${text}*`)))
    default:
      return undefined
  }
}

/** The patterns of a regular expression of literals, `.*`, `.+` and groups of words; undefined for any other. */
export function globsOfExpression(expression: string): ToolGlobs | undefined {
  const parts = [...expression.matchAll(/\\([.\-/_])|(\.[*+])|\(([\w|-]+)\)|([\w-])|(\^|\$)|(.)/gs)]
  let globs = ['']
  for (const [place, [, escaped, wild, group, plain, anchor, other]] of parts.entries()) {
    const isMisplaced = (anchor === '^' && place > 0) || (anchor === '$' && place < parts.length - 1)
    if (other !== undefined || isMisplaced) return undefined
    const pieces = group?.split('|') ?? [escaped ?? plain ?? (wild === undefined ? '' : wild === '.*' ? '*' : '?*')]
    globs = globs.flatMap((glob) => pieces.map((piece) => `${glob}${piece}`))
    if (globs.length > MAX_GLOBS) return undefined
  }
  const ends = { front: expression.startsWith('^') ? '' : '*', back: expression.endsWith('$') ? '' : '*' }
  return join(globs.map((glob) => toolGlobs(`${ends.front}${glob}${ends.back}`.replace(/\*+/g, '*'))))
}

/** The patterns of a scope, where `*` stands within one part and `**` for any; `beyond` match what its `*` does not. */
export function globsOfScope(scope: string): (ToolGlobs & { readonly beyond: readonly string[] }) | undefined {
  if (!isPlain(scope.replaceAll('*', ''))) return undefined
  const isWithinPart = /(?<!\*)\*(?!\*)/.test(scope)
  const globs = toolGlobs(scope.replaceAll('**', '*'))
  // Only a star at the end can be told from what lies beyond it.
  if (isWithinPart && !/^[^*]*\*$/.test(scope)) return undefined
  return { ...globs, beyond: isWithinPart ? toolGlobs(`${scope}.*`).globs : [] }
}

/** Text without anything that a pattern would read in another way. */
function isPlain(text: unknown): text is string {
  return typeof text === 'string' && text !== '' && !/[*?[\]{}()!+@\\:/\p{Cc}]/u.test(text)
}

function join(all: readonly ToolGlobs[]): ToolGlobs | undefined {
  const globs = [...new Set(all.flatMap((each) => each.globs))]
  const isUsable = globs.length > 0 && globs.every((glob) => glob !== '' && (glob.match(/\*/g)?.length ?? 0) <= 4)
  return isUsable ? { globs, isMcp: all.every(({ isMcp }) => isMcp) } : undefined
}

/** What of a pattern over types is left after `mcp.`: one rest for each place that these characters can lead to. */
function toolGlobs(glob: string): ToolGlobs {
  let places = withStars(glob, [0])
  for (const character of MCP) {
    const next = [...places].flatMap((place) => {
      if (glob[place] === '*') return [place]
      return glob[place] === character || glob[place] === '?' ? [place + 1] : []
    })
    places = withStars(glob, next)
  }
  const rests = [...places].map((place) => glob.slice(place)).filter((rest) => rest !== '')
  return rests.length === 0 ? { globs: [glob], isMcp: false } : { globs: [...new Set(rests)], isMcp: true }
}

/** A star may also stand for nothing. */
function withStars(glob: string, places: readonly number[]): ReadonlySet<number> {
  const all = new Set<number>()
  for (let place of places) {
    all.add(place)
    while (glob[place] === '*') all.add(++place)
  }
  return all
}
