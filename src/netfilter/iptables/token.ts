/** A word of a line; in quotation marks it is never an option. */
export interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/** The words of a line from `start` on. Inside quotation marks a backslash stands before each `"` and `\`. */
export function tokenize(line: string, start: number): Token[] {
  const tokens: Token[] = [];
  let at = start;
  while (at < line.length) {
    if (line.charCodeAt(at) === SPACE) {
      at++;
      continue;
    }
    if (line.charCodeAt(at) === QUOTE) {
      const end = closingQuote(line, at);
      tokens.push({ text: line.slice(at + 1, end).replace(/\\(["\\])/g, '$1'), quoted: true });
      at = end + 1;
      continue;
    }
    const space = line.indexOf(' ', at);
    const end = space < 0 ? line.length : space;
    tokens.push({ text: line.slice(at, end), quoted: false });
    at = end;
  }
  return tokens;
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
