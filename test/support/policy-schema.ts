// Writes docs/policy.schema.json from the schema that checks policies: npm run schema.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { policyJsonSchema } from '../../gateway/policy/json-schema.ts'
import { projectRoot } from './project-root.ts'

writeFileSync(join(projectRoot, 'docs', 'policy.schema.json'), policyJsonSchema())
