// Redaction of well-known secret formats in what is recorded. The forwarded bytes are never touched.
// Formats as their issuers publish them; each pattern is bounded, so that no text makes it slow.

/** One kind of secret: what stands in its place says which. */
interface SecretFormat {
  readonly name: string
  readonly pattern: RegExp
  /** Stands in every text with a match, and is quickly seen not to: most texts are not looked through for the pattern. */
  readonly hint: RegExp
}

const FORMATS: readonly SecretFormat[] = [
  {
    name: 'private-key',
    hint: /PRIVATE KEY-----/,
    // Stops at the next BEGIN, so that many of them without an END stay linear.
    pattern:
      /-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?:(?!-----BEGIN)[\s\S]){0,16384}?-----END [A-Z ]{0,32}PRIVATE KEY-----/g,
  },
  { name: 'aws-access-key', hint: /A[KS]IA/, pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  {
    name: 'github-token',
    hint: /gh[pousr]_|github_pat_/,
    pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b/g,
  },
  { name: 'gitlab-token', hint: /glpat-/, pattern: /\bglpat-[A-Za-z0-9_-]{20,64}/g },
  {
    name: 'slack-token',
    hint: /xox[abeoprs]-/,
    pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,250}/g,
  },
  { name: 'stripe-key', hint: /[rs]k_(?:live|test)_/, pattern: /\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}\b/g },
  { name: 'google-api-key', hint: /AIza/, pattern: /\bAIza[0-9A-Za-z_-]{35}/g },
  { name: 'anthropic-key', hint: /sk-ant-/, pattern: /\bsk-ant-[A-Za-z0-9_-]{20,200}/g },
  { name: 'openai-key', hint: /sk-/, pattern: /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,200}/g },
  { name: 'npm-token', hint: /npm_/, pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  // The lookbehind keeps a scan from starting again inside the run that the last one has just crossed.
  {
    name: 'jwt',
    hint: /\.eyJ/,
    pattern: /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}/g,
  },
  { name: 'bearer', hint: /earer/, pattern: /\b[Bb]earer\s{1,4}[A-Za-z0-9._~+/-]{16,4096}={0,2}/g },
  {
    name: 'url-password',
    hint: /:\/\//,
    pattern: /(?<=\b[a-z][a-z0-9+.-]{1,15}:\/\/[^\s:/?#@"]{0,64}:)[^\s/?#@"]{1,128}(?=@)/gi,
  },
  {
    name: 'password',
    hint: /passw|secret|token|api_?key|authorization/i,
    pattern:
      /(?<="[^"]{0,32}(?:password|passwd|secret|token|api_?key|authorization)[^"]{0,16}"\s{0,4}:\s{0,4}")(?:[^"\\]|\\[\s\S]){1,4096}/gi,
  },
]

/** The same text with every well-known secret replaced by `[redacted: <format>]`; bytes without one come back unchanged. */
export function redactSecrets(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  const redacted = FORMATS.reduce(
    (rest, { name, hint, pattern }) => (hint.test(rest) ? rest.replace(pattern, `[redacted: ${name}]`) : rest),
    text,
  )
  return redacted === text ? bytes : Buffer.from(redacted, 'utf8')
}

/** Every well-known secret in a text, longer ones cut to what identifies them. */
export function findSecrets(text: string): readonly string[] {
  return FORMATS.filter(({ hint }) => hint.test(text)).flatMap(({ pattern }) =>
    Array.from(text.matchAll(pattern), ([secret]) => secret.slice(-MAX_SECRET_LENGTH)),
  )
}

const MAX_SECRET_LENGTH = 200
