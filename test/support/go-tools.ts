// Tools of others, in Go, that check what we wrote: Tessera's fsck for a whole log, Go's own note and tlog packages for a
// checkpoint and a proof. Built once into .cache/go by Go's ordinary client.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from './project-root.ts'

const TESSERA = 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4'
const GO_MOD = 'golang.org/x/mod@v0.33.0'
const FORMATS = 'github.com/transparency-dev/formats@v0.0.0-20251017110053-404c0d5b696c'
const BUILD_TIMEOUT_MS = 300_000
const run = promisify(execFile)
const folder = join(projectRoot, '.cache', 'go')
const env = { ...process.env, GOBIN: folder, GOFLAGS: '-modcacherw -buildvcs=false' }

/** Why Go's tools can't be built here; undefined where they can. */
export function goProblem(): string | undefined {
  try {
    execFileSync('go', ['version'], { stdio: 'pipe' })
    return undefined
  } catch {
    return 'Go is not installed'
  }
}

/** How a tool ended, and all it said. */
export interface ToolResult {
  readonly succeeded: boolean
  readonly output: string
}

/** Builds the tools. */
export async function buildGoTools(): Promise<void> {
  mkdirSync(join(folder, 'check'), { recursive: true })
  if (!existsSync(join(folder, 'fsck'))) await run('go', ['install', TESSERA], { env, timeout: BUILD_TIMEOUT_MS })
  const check = { cwd: join(folder, 'check'), env, timeout: BUILD_TIMEOUT_MS }
  writeFileSync(join(check.cwd, 'main.go'), CHECK_PROGRAM)
  writeFileSync(join(check.cwd, 'go.mod'), 'module check\n\ngo 1.22\n')
  await run('go', ['get', GO_MOD], check)
  await run('go', ['build', '-o', join(folder, 'note-check'), '.'], check)
}

/** Builds the check of cosignatures alone. */
export async function buildCosignatureCheck(): Promise<void> {
  const cwd = join(folder, 'cosignature')
  mkdirSync(cwd, { recursive: true })
  const options = { cwd, env, timeout: BUILD_TIMEOUT_MS }
  writeFileSync(join(cwd, 'main.go'), COSIGNATURE_PROGRAM)
  writeFileSync(join(cwd, 'go.mod'), 'module cosignature\n\ngo 1.24\n')
  await run('go', ['get', FORMATS, GO_MOD], options)
  await run('go', ['build', '-o', join(folder, 'cosignature-check'), '.'], options)
}

/** Go's packages over a checkpoint file: the signature of the log, and the cosignature of a witness with its time. */
export async function runCosignatureCheck(logKey: string, witnessKey: string, file: string): Promise<ToolResult> {
  return await runTool('cosignature-check', [logKey, witnessKey, file], 10_000)
}

/** Tessera's fsck over a log's directory. It exits 0 even where it fails and may hang on damage: its words count. */
export async function runFsck(directory: string, keyFile: string, timeoutMs: number): Promise<ToolResult> {
  const args = ['-ui=false', '-N', '2', '-storage_url', `file://${directory}/`, '-public_key', keyFile]
  const { output } = await runTool('fsck', args, timeoutMs)
  return { succeeded: output.includes("Successfully fsck'd"), output }
}

/** Go's packages over a proof: the signature of its checkpoint, and the place of a leaf (hex). */
export async function runNoteCheck(keyFile: string, proofFile: string, leaf: string): Promise<ToolResult> {
  return await runTool('note-check', [keyFile, proofFile, leaf], 10_000)
}

async function runTool(name: string, args: readonly string[], timeoutMs: number): Promise<ToolResult> {
  try {
    const { stdout, stderr } = await run(join(folder, name), args, { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 })
    return { succeeded: true, output: stdout + stderr }
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return { succeeded: false, output: `${stdout}${stderr}${String(error)}` }
  }
}

/** Ends a program with what went wrong. */
const GO_MUST = `func must[T any](value T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return value
}
`

const CHECK_PROGRAM = `package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

${GO_MUST}
func main() {
	key := must(os.ReadFile(os.Args[1]))
	proof := string(must(os.ReadFile(os.Args[2])))
	head, checkpoint, _ := strings.Cut(proof, "\\n\\n")
	verifier := must(note.NewVerifier(strings.TrimSpace(string(key))))
	opened := must(note.Open([]byte(checkpoint), note.VerifierList(verifier)))
	var origin, root string
	var size, index int64
	must(fmt.Sscanf(opened.Text, "%s\\n%d\\n%s\\n", &origin, &size, &root))
	lines := strings.Split(head, "\\n")
	must(fmt.Sscanf(lines[1], "index %d", &index))
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		hashes = append(hashes, must(tlog.ParseHash(line)))
	}
	var leaf tlog.Hash
	must(hex.Decode(leaf[:], []byte(os.Args[3])))
	if err := tlog.CheckRecord(hashes, size, must(tlog.ParseHash(root)), index, leaf); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("verified %s %d %d\\n", origin, size, index)
}
`

const COSIGNATURE_PROGRAM = `package main

import (
	"fmt"
	"os"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

${GO_MUST}
func main() {
	log := must(note.NewVerifier(os.Args[1]))
	witness := must(cosignature.NewVerifierForCosignatureV1(os.Args[2]))
	opened := must(note.Open(must(os.ReadFile(os.Args[3])), note.VerifierList(log, witness)))
	for _, signature := range opened.Sigs {
		if signature.Name == witness.Name() && signature.Hash == witness.KeyHash() {
			fmt.Printf("cosigned %d\\n", must(cosignature.CoSigV1Timestamp(signature)).Unix())
			return
		}
	}
	fmt.Println("not cosigned")
	os.Exit(1)
}
`
