// The name of a server that was given none: what people call it, whatever launches it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { serverNameOf } from '../../cli/server-name.ts'

const names: Readonly<Record<string, string>> = {
  'npx -y @modelcontextprotocol/server-filesystem /srv': 'server-filesystem',
  'npx @modelcontextprotocol/server-filesystem@2026.8.31 /tmp': 'server-filesystem',
  'npx -y server-memory@latest': 'server-memory',
  'npx -y -p @scope/pkg the-server': 'the-server',
  'npx --package=@scope/pkg the-server': 'the-server',
  'npm exec -- @scope/pkg@1.0.0-beta.1': 'pkg',
  'uvx mcp-server-git --repository /r': 'mcp-server-git',
  'uvx --from git+https://example.org/x mcp-server-x': 'mcp-server-x',
  'uv --directory /opt/weather run server.py': 'server',
  'uv run --with mcp weather.py': 'weather',
  'python3 -m mcp_server_time': 'mcp_server_time',
  'python3 -X utf8 /opt/notes/server.py': 'notes',
  'node /opt/server-filesystem/dist/index.js /srv': 'server-filesystem',
  'node --import tsx /opt/mail/src/main.ts': 'mail',
  'docker run -i --rm -e TOKEN -v /a:/b mcp/fetch:latest': 'fetch',
  'docker run -i registry.example.org:5000/team/search': 'search',
  'env A=1 B=2 npx -y server-everything': 'server-everything',
  '/usr/local/bin/my-server --stdio': 'my-server',
  'C:\\servers\\files.exe': 'C--servers-files',
  npx: 'npx',
  '...': 'server',
  '/opt/日本/ñ': 'server',
  '': 'server',
}

describe('serverNameOf', () => {
  for (const [command, name] of Object.entries(names)) {
    it(`is ${name} for: ${command}`, () => assert.equal(serverNameOf(command.split(' ')), name))
  }

  it('fits a writer’s name, whatever the command is', () => {
    for (const word of ['x'.repeat(300), '-x', '@', '@scope', '../..', '\0', '🙂'])
      assert.match(serverNameOf([word]), /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, word)
  })
})
