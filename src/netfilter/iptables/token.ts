const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/** The words of a line; those that stood in quotation marks, by their places, are never options. */
export interface Tokens {
  readonly words: readonly string[];
  readonly quoted: readonly number[] | undefined;
}

/** The words of a line from `start` on. Inside quotation marks a backslash stands before each `"` and `\`. */
export function tokenize(line: string, start: number): Tokens {
  const words: string[] = [];
  let quoted: number[] | undefined;
  let at = start;
  while (at < line.length) {
    const first = line.charCodeAt(at);
    if (first === SPACE) at++;
    else if (first === QUOTE) {
      const end = closingQuote(line, at);
      const text = line.slice(at + 1, end);
      quoted ??= [];
      quoted.push(words.length);
      words.push(text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text);
      at = end + 1;
    } else {
      const space = line.indexOf(' ', at);
      const end = space < 0 ? line.length : space;
      words.push(line.slice(at, end));
      at = end;
    }
  }
  return { words, quoted };
}

function closingQuote(line: string, open: number): number {
  let at = open + 1;
  while (at < line.length && line.charCodeAt(at) !== QUOTE) at += line.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** A word as iptables-save writes it: in quotation marks where it has to be. */
export function formatToken(text: string): string {
  if (text !== '' && text !== '!' && !text.startsWith('-') && /^[^\s"'\\]+$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
