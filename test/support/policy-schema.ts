// Writes the JSON Schemas of policies and of their tests, from the schemas that check them: npm run schema.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { policyJsonSchema } from '../../gateway/policy/json-schema.ts'
import { policyTestJsonSchema } from '../../gateway/policy/test-cases.ts'
import { projectRoot } from './project-root.ts'

writeFileSync(join(projectRoot, 'docs', 'policy.schema.json'), policyJsonSchema())
writeFileSync(join(projectRoot, 'docs', 'policy-test.schema.json'), policyTestJsonSchema())
