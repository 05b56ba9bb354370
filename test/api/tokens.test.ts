// Bearer tokens: kept hashed in a private file, with scopes and an end.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createCliToken, readCliToken } from '../../api/cli-token.ts'
import { createToken, listTokens, revokeToken, TokenBook } from '../../api/tokens.ts'

let directory: string
let path: string
let nowMicros = 1_800_000_000_000_000
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolwarden-tokens-'))
  path = join(directory, 'tokens.json')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const means = () => ({ nowMicros, randomBytes })
const ann = { subject: 'user:ann', scopes: ['read', 'operate'] } as const

describe('tokens', () => {
  it('are found with their subject and scopes, and stand nowhere in the file', async () => {
    const { token, info } = await createToken(path, ann, means())
    const caller = await new TokenBook(path, () => nowMicros).find(token)
    assert.deepEqual(caller, { tokenId: info.id, subject: 'user:ann', scopes: ['read', 'operate'] })
    assert.equal((await readFile(path, 'utf8')).includes(token.slice(4)), false)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await listTokens(path), [info])
  })

  it('are refused from the moment they are revoked', async () => {
    const { token, info } = await createToken(path, ann, means())
    const book = new TokenBook(path, () => nowMicros)
    assert.notEqual(await book.find(token), undefined)
    await revokeToken(path, info.id)
    assert.equal(await book.find(token), undefined)
    assert.equal(await book.isLive(info.id), false)
    await assert.rejects(revokeToken(path, info.id), { code: 'NOT_FOUND' })
  })

  it('are refused when they have expired', async () => {
    const { token } = await createToken(path, { ...ann, expiresMicros: nowMicros + 10 }, means())
    const book = new TokenBook(path, () => nowMicros)
    assert.notEqual(await book.find(token), undefined)
    nowMicros += 10
    assert.equal(await book.find(token), undefined)
  })

  for (const wrong of ['', 'twd_', `twd_${'A'.repeat(43)}`, `twd_${'A'.repeat(44)}`, 'x'.repeat(1_000_000)]) {
    it(`are not found by a wrong one of ${wrong.length} letters`, async () => {
      await createToken(path, ann, means())
      assert.equal(await new TokenBook(path, () => nowMicros).find(wrong), undefined)
    })
  }

  it('are all refused, with the way out, when other users may read the file', async () => {
    const { token } = await createToken(path, ann, means())
    await chmod(path, 0o644)
    await assert.rejects(new TokenBook(path, () => nowMicros).find(token), { code: 'CONFIG_INVALID', fix: /chmod 600/ })
  })

  it('are all refused when the file is damaged, without a word of it in the error', async () => {
    await writeFile(path, '{"v":1,"tokens":[{"secret', { mode: 0o600 })
    const error = await new TokenBook(path, () => nowMicros)
      .find(`twd_${'A'.repeat(43)}`)
      .catch((cause: unknown) => cause)
    assert.match(String(error), /not a file of tokens/)
    assert.doesNotMatch(String(error), /secret/)
  })

  it('are not changed by two commands at once', async () => {
    const made = await Promise.allSettled(Array.from({ length: 8 }, () => createToken(path, ann, means())))
    const kept = (await listTokens(path)).map(({ id }) => id)
    const told = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value.info.id] : []))
    assert.deepEqual(kept.sort(), told.sort())
    for (const result of made) if (result.status === 'rejected') assert.equal(result.reason.code, 'CONFLICT')
  })
})

describe("the command line's token", () => {
  const paths = () => ({ tokens: path, cliToken: join(directory, 'cli.token') })

  it('stands in a file of its own that only its owner may read', async () => {
    const info = await createCliToken(paths(), ann, means())
    const token = await readCliToken(paths().cliToken)
    assert.equal((await new TokenBook(path, () => nowMicros).find(token))?.tokenId, info.id)
    assert.equal((await stat(paths().cliToken)).mode & 0o777, 0o600)
  })

  it('is not made twice', async () => {
    await createCliToken(paths(), ann, means())
    await assert.rejects(createCliToken(paths(), ann, means()), { code: 'CONFLICT' })
  })

  it('is asked for by name when it is not there', async () => {
    await assert.rejects(readCliToken(paths().cliToken), { code: 'UNAUTHORIZED', fix: 'toolwarden init' })
  })
})
