// Where each system's clients keep their files.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { knownPlaces } from '../../../cli/wrap/known-places.ts'

function placesOf(
  platform: NodeJS.Platform,
  home: string,
  environment: Record<string, string> = {},
): readonly string[] {
  return knownPlaces({ platform, home, workingDirectory: home, environment }).map(({ path }) => path)
}

describe('knownPlaces', () => {
  it('follow the system', () => {
    const desktop = (places: readonly string[]): string | undefined => places[0]
    assert.equal(desktop(placesOf('linux', '/home/me')), '/home/me/.config/Claude/claude_desktop_config.json')
    assert.equal(desktop(placesOf('linux', '/h', { XDG_CONFIG_HOME: '/c' })), '/c/Claude/claude_desktop_config.json')
    assert.equal(
      desktop(placesOf('darwin', '/Users/me')),
      '/Users/me/Library/Application Support/Claude/claude_desktop_config.json',
    )
    assert.equal(
      desktop(placesOf('win32', 'C:\\Users\\me')),
      'C:\\Users\\me\\AppData\\Roaming\\Claude\\claude_desktop_config.json',
    )
  })

  it('hold the files of every client, at home and in the working directory', () => {
    const places = placesOf('linux', '/h')
    for (const path of ['/h/.claude.json', '/h/.mcp.json', '/h/.cursor/mcp.json', '/h/.config/Code/User/mcp.json'])
      assert.ok(places.includes(path), path)
    for (const path of ['/h/.vscode/mcp.json', '/h/.codeium/windsurf/mcp_config.json', '/h/mcp.json'])
      assert.ok(places.includes(path), path)
    assert.equal(new Set(places).size, places.length)
  })
})
