/** The same keys with any words: what a translation has to have. */
export type Shape<Words> = { [Key in keyof Words]: Words[Key] extends string ? string : Shape<Words[Key]> };
