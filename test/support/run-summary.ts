// Reads the summary that node's spec reporter writes (`ℹ tests 5`, `ℹ pass 5`, …) out of its output.

const SUMMARY_LINE = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours start with the escape character
const COLOUR = /\u001b\[\d+m/g

/** Takes the reporter's lines one by one; knows the counts at the end. */
export class RunSummary {
  #lines: string[] = []
  /** True when the reporter wrote more after its counts, as it does with failures. */
  #buried = false

  /** Takes one line of the reporter's output, without its newline. */
  add(line: string): void {
    const plain = line.replaceAll(COLOUR, '')
    if (SUMMARY_LINE.test(plain)) {
      this.#lines = plain.startsWith('ℹ tests ') ? [plain] : [...this.#lines, plain]
      this.#buried = false
    } else if (plain.trim() !== '') {
      this.#buried = true
    }
  }

  /** The count of `name` (`tests`, `fail` …), or undefined when the reporter never came to it. */
  count(name: string): number | undefined {
    const line = this.#lines.find((candidate) => candidate.startsWith(`ℹ ${name} `))
    return line === undefined ? undefined : Number(line.slice(`ℹ ${name} `.length))
  }

  /** The counts to repeat at the very end; empty when they stand there already. */
  repeat(): readonly string[] {
    return this.#buried ? this.#lines : []
  }
}
