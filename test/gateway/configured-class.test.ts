// An operator's word on the class of a tool counts, for tool calls and for nothing else.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { classOf } from '../../detectors/classes.ts'
import { detectorSettings } from '../../detectors/settings.ts'
import type { GovernedRequest } from '../../gateway/call-gate.ts'
import { classified } from '../../gateway/configured-class.ts'

const { classes } = detectorSettings.parse({
  classes: [
    { server: 'web', tool: 'fetch', trust: 'trusted' },
    { server: 'web', tool: 'fetch', class: 'egress' },
    { server: 'web', class: 'read' },
  ],
})

function classFor(server: string, tool: string, method = 'tools/call') {
  const request = { method, tool, toolClass: 'write' } as GovernedRequest
  return classified(request, (each) => classOf(classes, { server, tool: each })).toolClass
}

describe('classified', () => {
  it('takes the first entry that names the tool and says a class', () => {
    assert.deepEqual([classFor('web', 'fetch'), classFor('web', 'look')], ['egress', 'read'])
  })

  it('leaves other servers alone, and requests that call no tool', () => {
    assert.deepEqual([classFor('mail', 'fetch'), classFor('web', 'fetch', 'resources/read')], ['write', 'write'])
  })
})
