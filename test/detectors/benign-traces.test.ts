// Recorded benign sessions: how many read-spike alerts they raise. The data is not part of the repository.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createIntegrity } from '../../detectors/integrity.ts'
import { createReadSpike } from '../../detectors/read-spike.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import type { Json } from '../../events/canonical.ts'
import { projectRoot } from '../support/project-root.ts'
import { Story } from './story.ts'

const DIRECTORY = join(projectRoot, '..', 'shared', 'data', 'traces')
const NAMES = ['agentdyn', 'agentdyn-benign-extra']
const SETTINGS = detectorSettings.parse({})

interface TracedCall {
  readonly session: string
  readonly start: string
  readonly t: number
  readonly principal: string
  readonly server: string
  readonly tool: string
  readonly arguments: Json
  readonly error: unknown
}

function readLines<Line>(name: string, kind: string): readonly Line[] {
  const text = gunzipSync(readFileSync(join(DIRECTORY, `${name}.${kind}.jsonl.gz`))).toString('utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

function readBenignCalls(): readonly TracedCall[] {
  return NAMES.flatMap((name) => {
    const labels = readLines<{ session: string; session_label: string }>(name, 'labels')
    const benign = new Set(labels.flatMap((label) => (label.session_label === 'benign' ? [label.session] : [])))
    return readLines<TracedCall>(name, 'calls').filter(({ session }) => benign.has(session))
  })
}

describe('benign sessions', { skip: existsSync(DIRECTORY) ? false : `no traces in ${DIRECTORY}` }, () => {
  it('raise next to no read-spike finding and no integrity finding', (context) => {
    const calls = readBenignCalls()
    const sessions = new Set(calls.map(({ session }) => session))
    const spikes = new Story(createReadSpike(SETTINGS.readSpike))
    const integrity = new Story(createIntegrity(SETTINGS.integrity))
    for (const call of calls) {
      const { session, principal, server, tool } = call
      spikes.nowMs = integrity.nowMs = Date.parse(`${call.start}Z`) + call.t * 1000
      const story = { session, principal, server, tool, arguments: call.arguments }
      const status = call.error === null ? 'ok' : 'tool_error'
      for (const each of [spikes, integrity]) each.call({ ...story, status })
    }
    const alerting = new Set(spikes.findings.map(({ scope }) => scope.session))
    context.diagnostic(
      `${alerting.size} of ${sessions.size} benign sessions raise a read-spike alert, ${calls.length} calls`,
    )
    assert.equal(sessions.size, 899)
    assert.ok(alerting.size <= 1, `${alerting.size} sessions`)
    assert.deepEqual(integrity.findings, [])
  })
})
