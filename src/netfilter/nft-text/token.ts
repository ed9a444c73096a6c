/** A word, a text in quotation marks, a sign, or the end of a line; with its place in the listing. */
export interface Token {
  readonly kind: 'word' | 'string' | 'sign' | 'newline' | 'extension' | 'end';
  /** Of a string what stands inside; of an extension its name. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * What nft calls an iptables extension of which it has no words: a comment in old versions, `xt match "NAME"` in new ones. It
 * stands where its statement would, and the rule goes on behind it.
 */
const EXTENSION = /# (?:xt_|match |target )([\w-]+)/y;
const WORD = /[^\s{}(),;"=!<>&|^#]+/y;
const SIGN = /==|!=|<=|>=|<<|>>|[{}(),;=!<>&|^]/y;
const BLANK = /[ \t\r]+|\\\n/y;
const STRING = /"([^"\n]*)"/y;
const COMMENT = /#[^\n]*/y;

/** The tokens of a listing; what is no token is a word of its own. */
export function* tokenize(text: string): Generator<Token> {
  let at = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const start = at;
    const blank = take(BLANK);
    if (blank !== null) {
      at += blank[0].length;
      continue;
    }
    if (text[at] === '\n') {
      at++;
      yield { kind: 'newline', text: '\n', start, end: at };
      continue;
    }
    if (text[at] === '#') {
      const extension = take(EXTENSION);
      at += (extension ?? take(COMMENT))?.[0].length ?? 1;
      if (extension !== null) yield { kind: 'extension', text: extension[1] ?? '', start, end: at };
      continue;
    }
    const string = take(STRING);
    if (string !== null) {
      at += string[0].length;
      yield { kind: 'string', text: string[1] ?? '', start, end: at };
      continue;
    }
    const sign = take(SIGN);
    const found = sign ?? take(WORD);
    at += found?.[0].length ?? 1;
    yield { kind: sign === null ? 'word' : 'sign', text: text.slice(start, at), start, end: at };
  }
  yield { kind: 'end', text: '', start: at, end: at };
}
