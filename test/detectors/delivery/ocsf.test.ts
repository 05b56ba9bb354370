// The fields that OCSF 1.4.0 requires of a Detection Finding: https://schema.ocsf.io/1.4.0/classes/detection_finding
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toOcsf } from '../../../detectors/delivery/ocsf.ts'
import { raised, updated } from './notices.ts'

const PRODUCT = { name: 'toolwarden', version: '1.2.3' }

interface Finding {
  readonly [field: string]: unknown
  readonly finding_info: Readonly<Record<string, unknown>>
  readonly metadata: Readonly<Record<string, unknown>>
}

function toFinding(notice: Parameters<typeof toOcsf>[0]): Finding {
  return JSON.parse(JSON.stringify(toOcsf(notice, PRODUCT))) as Finding
}

describe('Detection Finding', () => {
  it('has the required fields of class 2004 for an alert', () => {
    const finding = toFinding(raised())
    assert.deepEqual(
      ['category_uid', 'class_uid', 'activity_id', 'type_uid', 'severity_id', 'status_id', 'time'].map(
        (name) => finding[name],
      ),
      [2, 2004, 1, 200401, 4, 1, Date.parse('2026-11-22T13:00:00.123Z')],
    )
    assert.equal(finding.finding_info.uid, 'b'.repeat(64))
    assert.equal(finding.finding_info.title, 'read-spike: reads of session s on server files')
    assert.equal(finding.metadata.version, '1.4.0')
    assert.deepEqual(finding.metadata.product, { name: 'toolwarden', vendor_name: 'toolwarden', version: '1.2.3' })
  })

  it('names the profile that gives it an actor, where it has one', () => {
    const { principal: _, ...nobody } = raised()
    for (const notice of [raised(), updated('closed'), nobody]) {
      const { metadata, actor } = toFinding(notice)
      assert.deepEqual(metadata.profiles, actor === undefined ? undefined : ['host'])
    }
  })

  it('names the technique and the events behind it', () => {
    const { finding_info: info } = toFinding(raised())
    const technique = { uid: 'T1119', name: 'Automated Collection' }
    assert.deepEqual(info.attacks, [{ version: '17.0', technique }])
    assert.deepEqual(info.related_events, [{ uid: 'd'.repeat(64) }])
  })

  it('is updated and closed under the id of the alert', () => {
    const findings = [toFinding(updated('acknowledged')), toFinding(updated('closed'))]
    assert.deepEqual(
      findings.map(({ type_uid: type, status_id: status, finding_info: { uid } }) => [type, status, uid]),
      [
        [200402, 2, 'b'.repeat(64)],
        [200403, 4, 'b'.repeat(64)],
      ],
    )
  })
})
