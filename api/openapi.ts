// GET /openapi.json: the API described by the very schemas that check it (OpenAPI 3.1).
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { ApiEnv } from './api-env.ts'

/** Adds the description; call it after all routes. */
export function addOpenApi(app: OpenAPIHono<ApiEnv>, version: string): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token with the scope that the route names: read, operate, approve or admin.',
  })
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: {
      title: 'toolwarden',
      version,
      description: 'Flight recorder and guard for the tool calls that AI agents make over MCP.',
      license: { name: 'Apache-2.0' },
    },
  })
}
