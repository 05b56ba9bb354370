// The bytes of JSON that structure is told by (RFC 8259, section 2), for the readers that look at bytes and not at values.

/** `"` */
export const QUOTE = 0x22
/** `\` */
export const BACKSLASH = 0x5c
/** `,` */
export const COMMA = 0x2c
/** `:` */
export const COLON = 0x3a
/** `[` */
export const OPEN_ARRAY = 0x5b
/** `]` */
export const CLOSE_ARRAY = 0x5d
/** `{` */
export const OPEN_OBJECT = 0x7b
/** `}` */
export const CLOSE_OBJECT = 0x7d
