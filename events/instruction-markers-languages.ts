// The two kinds of phrase that an injected instruction can hardly do without, in languages other than English: it takes back
// what the reader was told, and it wants to be kept from the user. Word stems, so that no form of a verb is missed.
// Every pattern is bounded, so that no text makes it slow.

/** How one language says it: each list is of stems, as parts of a pattern. */
interface Language {
  /** Ignore, disregard, forget. */
  readonly ignore: string
  /** Previous, above, all. */
  readonly prior: string
  /** Instructions, orders, tasks. */
  readonly told: string
  /** Do not tell. */
  readonly keep: string
  readonly user: string
  /** The same in languages that put the user in the middle: what stands before, and what after. */
  readonly around?: readonly (readonly [before: string, after: string])[]
}

const GERMAN: Language = {
  ignore: 'ignorier|missacht|vergiss|vergesst|vergessen sie|verwirf|übergeh',
  prior: 'vorherig|bisherig|vorig|obig|früher|vorangehend|vorangegangen|ursprünglich',
  told: 'anweisung|instruktion|aufgabe|befehl|vorgabe|auftr[aä]g',
  keep: '(?:nicht|nichts|niemals|ohne)(?!\\p{L})[^.!?\\n]{0,30}(?<!\\p{L})(?:sagen|verraten|erwähnen|informieren|mitteilen|erzählen)',
  around: [
    [
      'sage?|sagt|sagen sie|verrate?|verraten sie|erwähne?|informiere?|informieren sie|erzähle?|erzählen sie',
      'nicht|nichts|niemals',
    ],
    ['ohne', 'sagen|informieren|verraten|mitteilen|erzählen|benachrichtigen'],
  ],
  user: 'benutzer|nutzer|anwender',
}
const FRENCH: Language = {
  ignore: 'ignor|oubli|néglig|fai(?:s|tes) abstraction',
  prior: 'précédent|antérieur|ci-dessus|préalable|initial',
  told: 'instruction|consigne|directive|ordre|tâche|demande',
  keep: "(?:ne |n['’])[^.!?\\n]{0,20}(?<!\\p{L})(?:di[st]|dites|mentionn|inform|prévien|prévenez|avert|parl)\\p{L}{0,4}|sans (?:le dire|prévenir|informer|avertir|en parler)",
  user: 'utilisat',
}
const SPANISH: Language = {
  ignore: 'ignor|olvid|descart|omit[ae]|haz caso omiso|haga caso omiso',
  prior: 'anterior|previ[ao]|precedente|de arriba|inicial|original',
  told: 'instruccion|instrucción|orden|directriz|directrices|tarea|indicacion|indicación',
  keep: 'no [^.!?\\n]{0,16}(?<!\\p{L})(?:dig[ao]|mencion|inform|avis|comuniqu|cuent)\\p{L}{0,5}|sin (?:decir|informar|avisar|mencionar)\\p{L}{0,4}',
  user: 'usuari',
}
const PORTUGUESE: Language = {
  ignore: 'ignor|esqueç|desconsider|descart',
  prior: 'anterior|prévi|acima|precedente|inicia[li]|origina[li]',
  told: 'instruç|orden|ordem|diretriz|tarefa|comando',
  keep: 'não [^.!?\\n]{0,16}(?<!\\p{L})(?:dig|mencion|inform|avis|cont)\\p{L}{0,5}|sem (?:dizer|informar|avisar|mencionar)',
  user: 'usuári|utilizador',
}
const ITALIAN: Language = {
  ignore: 'ignor|dimentic|trascur',
  prior: 'precedent|prim[ae]|sopra|anterior|inizial',
  told: 'istruzion|ordin|direttiv|compit|indicazion',
  keep: 'non [^.!?\\n]{0,16}(?<!\\p{L})(?:dir|dica|menzion|inform|avvis)\\p{L}{0,5}|senza (?:dir|informar|avvisar|menzionar)\\p{L}{0,4}',
  user: 'utent',
}
const DUTCH: Language = {
  ignore: 'negeer|negeert|vergeet|verwerp',
  prior: 'vorig|eerder|voorgaand|bovenstaand|oorspronkelijk',
  told: 'instructie|opdracht|aanwijzing|taak|taken',
  keep: 'zonder [^.!?\\n]{0,24}(?:vertellen|zeggen|melden|informeren)',
  around: [
    ['vertel|zeg|meld|informeer', 'niet|niets|nooit'],
    ['zonder', 'vertellen|zeggen|melden|informeren'],
  ],
  user: 'gebruiker',
}
const RUSSIAN: Language = {
  ignore: 'игнорир|проигнорир|забуд|отбрось',
  prior: 'предыдущ|прежн|вышеуказанн|ранее|выше|первоначальн',
  told: 'инструкц|указани|команд|задани|задач',
  keep: 'не (?:говори|сообща|упомина|рассказыва|информир)\\p{L}{0,5}',
  user: 'пользовател',
}

const LANGUAGES: readonly Language[] = [GERMAN, FRENCH, SPANISH, PORTUGUESE, ITALIAN, DUTCH, RUSSIAN]

/** Written without spaces between words, so matched without their boundaries. */
const UNSPACED: readonly RegExp[] = [
  // Chinese, simplified and traditional.
  /(?:忽略|无视|無視|忘记|忘記|不要理会|不要理會)[^。！？\n]{0,12}(?:指令|指示|说明|說明|要求|任务|任務|提示)/g,
  /(?:不要|别|別|勿|不得|无需|無需)(?:告诉|告訴|通知|提及|提醒|告知)[^。！？\n]{0,8}(?:用户|用戶|使用者)/g,
  // Japanese.
  /(?:指示|命令|指令|タスク|プロンプト)[^。！？\n]{0,8}(?:無視し|忘れ|破棄し)/g,
  /(?:ユーザー?|利用者)[^。！？\n]{0,12}(?:知らせ|伝え|言わ|通知し)[^。！？\n]{0,4}な/g,
  // Korean.
  /(?:지시|명령|지침|작업|프롬프트)[^.!?\n]{0,10}(?:무시|잊)/g,
  /사용자[^.!?\n]{0,10}(?:알리지|말하지|언급하지)/g,
]

const LETTERS = String.raw`\p{L}{0,8}`
const NEAR = String.raw`[^.!?\n]{0,30}?`

/** Every pattern needs one of these, and few texts have any: one look spares twenty. */
const ROOTS =
  /ignor|missacht|verg(?:iss|ess)|verwirf|oubli|abstraction|olvid|descart|omit|esque|desconsider|dimentic|trascur|negeer|vergeet|verwerp|nutzer|anwender|utilisat|usuar|utilizador|utent|gebruiker/i
const OTHER_ROOTS =
  /übergeh|néglig|usuári|игнорир|забуд|отбрось|пользовател|[忽无無忘不别別勿]|破棄|ユーザ|利用者|무시|잊|사용자/i
const NOT_ASCII = /[^\0-\x7f]/
/** Every pattern of these languages. */
export const FOREIGN_KINDS: readonly RegExp[] = [...LANGUAGES.flatMap(kindsOf), ...UNSPACED]

/** How many phrases of a text address an agent in one of these languages. */
export function countForeignMarkers(text: string): number {
  if (!ROOTS.test(text) && !(NOT_ASCII.test(text) && OTHER_ROOTS.test(text))) return 0
  return FOREIGN_KINDS.reduce((sum, kind) => sum + Array.from(text.matchAll(kind)).length, 0)
}

function kindsOf({ ignore, prior, told, keep, user, around = [] }: Language): readonly RegExp[] {
  const before = stem(prior)
  const what = stem(told)
  return [
    compile(`${stem(ignore)}${NEAR}(?:${before}${NEAR}${what}|${what}${NEAR}${before})`),
    compile(`(?:${keep})(?!\\p{L})${NEAR}${stem(user)}|${stem(user)}${NEAR}(?:${keep})(?!\\p{L})`),
    ...around.map(([left, right]) => {
      return compile(`(?:${left})(?!\\p{L})${NEAR}${stem(user)}${NEAR}(?<!\\p{L})(?:${right})(?!\\p{L})`)
    }),
  ]
}

/** A word that begins so. */
function stem(stems: string): string {
  return `(?<!\\p{L})(?:${stems})${LETTERS}`
}

function compile(pattern: string): RegExp {
  return new RegExp(`(?<!\\p{L})(?:${pattern})`, 'giu')
}
