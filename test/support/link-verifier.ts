// `npm run build:verify`: links the verifier's compiled modules into one file, dist/verify.mjs. Small because our modules are: each
// has named imports at its head and named exports, nothing else; anything other is refused. Each becomes a function that returns
// its exports, in the order of their imports, so that no name of one meets a name of another.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { projectRoot } from './project-root.ts'

const IMPORT = /^import \{([^}]*)\} from '([^']+)';$/gm
const EXPORT =
  /^export (?=(?:async )?(?:function\*? |class )|const )((?:async )?(?:function\*?|class|const) ([A-Za-z0-9_$]+))/gm

interface LinkedModule {
  readonly name: string
  readonly text: string
}

/** The text of one ES module that does what `entry` and all that it imports do. Throws for a module of another form. */
function linkModules(entry: string, readModule = (path: string): string => readFileSync(path, 'utf8')): string {
  const builtins = new Map<string, string>()
  const modules = new Map<string, LinkedModule | undefined>()
  let count = 0
  const visit = (path: string): string => {
    const known = modules.get(path)
    if (known !== undefined) return known.name
    if (modules.has(path)) throw new Error(`${path}: modules import each other`)
    modules.set(path, undefined)
    const made = linkOne(path, readModule(path), (from) => {
      if (!from.startsWith('.')) return builtinName(from, builtins, path)
      return visit(resolve(dirname(path), from))
    })
    const linked = { name: `module${++count}`, text: made }
    modules.delete(path)
    modules.set(path, linked)
    return linked.name
  }
  visit(entry)
  const imports = [...builtins].map(([from, name]) => `import * as ${name} from '${from}';`)
  const bodies = [...modules].map(([path, module], at, all) => {
    const isEntry = at === all.length - 1
    const where = `// ${relative(projectRoot, path)}`
    return isEntry ? `${where}\n${module?.text}` : `${where}\nconst ${module?.name} = (() => {\n${module?.text}\n})();`
  })
  return `${[...imports, ...bodies].join('\n')}\n`
}

function builtinName(from: string, builtins: Map<string, string>, path: string): string {
  if (!from.startsWith('node:')) throw new Error(`${path}: imports ${from}, which is not Node's own`)
  const known = builtins.get(from)
  if (known !== undefined) return known
  const name = `node_${from.slice('node:'.length).replaceAll('/', '_')}`
  builtins.set(from, name)
  return name
}

function linkOne(path: string, source: string, nameOf: (from: string) => string): string {
  const exported: string[] = []
  const text = source
    .replaceAll(/^\/\/# sourceMappingURL=.*$/gm, '')
    .replaceAll(/^export \{\};$/gm, '')
    .replaceAll(IMPORT, (_, names: string, from: string) => {
      return `const {${names.replaceAll(/\bas\b/g, ':')}} = ${nameOf(from)};`
    })
    .replaceAll(EXPORT, (_, declaration: string, name: string) => {
      exported.push(name)
      return declaration
    })
  const other = /^(?:import|export)\b.*$/m.exec(text)
  if (other !== null) throw new Error(`${path}: can't link: ${other[0]}`)
  return exported.length === 0 ? text : `${text}\nreturn { ${exported.join(', ')} };`
}

/** Links the verifier and gives the path of its file. */
export function buildVerifier(out = join(projectRoot, 'dist', 'verify.mjs')): string {
  mkdirSync(dirname(out), { recursive: true })
  const text = linkModules(join(projectRoot, 'dist', 'cli', 'verify-standalone.js'))
  writeFileSync(out, `#!/usr/bin/env node\n// The offline verifier of toolwarden's bundles. Apache-2.0.\n${text}`)
  return out
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${buildVerifier()}\n`)
