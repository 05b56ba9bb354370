// Adds to package-lock.json the optional packages of other platforms that `npm install` left out: a registry mirror may lack
// them, and `npm ci` refuses a lockfile that does not name them all. Takes out registry addresses. Run after npm install.
import { readFileSync, writeFileSync } from 'node:fs'

const OS = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  openbsd: 'openbsd',
  netbsd: 'netbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  aix: 'aix',
  win32: 'win32',
}
const CPU = {
  arm64: 'arm64',
  x64: 'x64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  s390x: 's390x',
  riscv64: 'riscv64',
  loong64: 'loong64',
  mips64el: 'mips64el',
  wasm32: 'wasm32',
}
const LIBC = { gnu: 'glibc', glibc: 'glibc', musl: 'musl', gnueabihf: 'glibc', musleabihf: 'musl' }

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))
let added = 0
for (const entry of Object.values(lock.packages)) {
  delete entry.resolved
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    if (key in lock.packages || Object.keys(lock.packages).some((known) => known.endsWith(`/${key}`))) continue
    lock.packages[key] = platformEntry(name, range, entry)
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
process.stderr.write(`${added} packages of other platforms added\n`)

function platformEntry(name, range, parent) {
  const words = name.split('/').at(-1).replace('armv7', 'arm').replace('arm-eabi', 'arm').split('-')
  const pick = (table) => words.map((word) => table[word]).filter((value) => value !== undefined)
  const limits = { os: pick(OS), cpu: pick(CPU), libc: pick(LIBC) }
  const set = Object.fromEntries(Object.entries(limits).filter(([, values]) => values.length > 0))
  const version = range.replace(/^[\^~]/, '')
  return {
    version,
    ...(set.cpu === undefined ? {} : { cpu: set.cpu }),
    ...(parent.dev === true ? { dev: true } : {}),
    optional: true,
    ...(set.os === undefined ? {} : { os: set.os }),
    ...(set.libc === undefined ? {} : { libc: set.libc }),
  }
}
