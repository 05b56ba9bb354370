// Redaction of well-known secret formats in what is recorded. The forwarded bytes are never touched.
// Formats as their issuers publish them; each pattern is bounded, so that no text makes it slow.

/** One kind of secret: what stands in its place says which. */
interface SecretFormat {
  readonly name: string
  readonly pattern: RegExp
}

const FORMATS: readonly SecretFormat[] = [
  {
    name: 'private-key',
    // Stops at the next BEGIN, so that many of them without an END stay linear.
    pattern:
      /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?:(?!-----BEGIN)[\s\S]){0,16384}?-----END [A-Z ]{0,32}PRIVATE KEY-----/g,
  },
  { name: 'aws-access-key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  { name: 'github-token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b/g },
  { name: 'gitlab-token', pattern: /\bglpat-[A-Za-z0-9_-]{20,64}/g },
  { name: 'slack-token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,250}/g },
  { name: 'stripe-key', pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}\b/g },
  { name: 'google-api-key', pattern: /\bAIza[0-9A-Za-z_-]{35}/g },
  { name: 'anthropic-key', pattern: /\bsk-ant-[A-Za-z0-9_-]{20,200}/g },
  { name: 'openai-key', pattern: /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,200}/g },
  { name: 'npm-token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  // The lookbehind keeps a scan from starting again inside the run that the last one has just crossed.
  {
    name: 'jwt',
    pattern: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}/g,
  },
  { name: 'bearer', pattern: /\b[Bb]earer\s{1,4}[A-Za-z0-9._~+/-]{16,4096}={0,2}/g },
  { name: 'url-password', pattern: /(?<=\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s:/?#@"]{0,64}:)[^\s/?#@"]{1,128}(?=@)/gi },
  {
    name: 'password',
    pattern:
      /(?<="[^"]{0,32}(?:password|passwd|secret|token|api_?key|authorization)[^"]{0,16}"\s{0,4}:\s{0,4}")(?:[^"\\]|\\[\s\S]){1,4096}/gi,
  },
]

/** The same text with every well-known secret replaced by `[redacted: <format>]`; bytes without one come back unchanged. */
export function redactSecrets(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  const redacted = FORMATS.reduce((rest, { name, pattern }) => rest.replace(pattern, `[redacted: ${name}]`), text)
  return redacted === text ? bytes : Buffer.from(redacted, 'utf8')
}

/** Every well-known secret in a text, longer ones cut to what identifies them. */
export function findSecrets(text: string): readonly string[] {
  return FORMATS.flatMap(({ pattern }) =>
    Array.from(text.matchAll(pattern), ([secret]) => secret.slice(-MAX_SECRET_LENGTH)),
  )
}

const MAX_SECRET_LENGTH = 200
