import { FlatnetError } from '../../error/flatnet-error.ts';
import { NotModelled } from '../nft-json/json-node.ts';
import { type Token, tokenize } from './token.ts';

const END: Token = { kind: 'end', text: '', start: 0, end: 0 };

/** Walks the tokens of a listing. */
export class TokenReader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = [...tokenize(text)];
  }

  /** The place, to come back to with `rewind`. */
  get position(): number {
    return this.#at;
  }

  rewind(position: number): void {
    this.#at = position;
  }

  peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? this.#tokens.at(-1) ?? END;
  }

  next(): Token {
    const token = this.peek();
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  /** True if a word or a sign comes next. */
  at(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.text === text && (token.kind === 'word' || token.kind === 'sign');
  }

  /** Takes a word or a sign if it comes next. */
  accept(text: string): boolean {
    const found = this.at(text);
    if (found) this.next();
    return found;
  }

  /** A word or a sign that has to come. @throws NotModelled */
  expect(text: string): void {
    if (!this.accept(text)) throw new NotModelled(`${text} expected`);
  }

  /** Any word, or text in quotation marks. @throws NotModelled */
  word(): string {
    const { kind } = this.peek();
    if (kind !== 'word' && kind !== 'string') throw new NotModelled('word expected');
    return this.next().text;
  }

  /** A decimal or hexadecimal number. @throws NotModelled */
  number(): number {
    const value = Number(this.word());
    if (Number.isNaN(value)) throw new NotModelled('number expected');
    return value;
  }

  /** True where a rule or a declaration ends. */
  atEndOfLine(): boolean {
    const { kind, text } = this.peek();
    return kind === 'newline' || kind === 'end' || (kind === 'sign' && (text === ';' || text === '}'));
  }

  skipLineEnds(): void {
    while (this.peek().kind === 'newline' || this.at(';')) this.next();
  }

  skipNewlines(): void {
    while (this.peek().kind === 'newline') this.next();
  }

  /** Takes all up to the end of the line, over whole braces, and returns its text. */
  restOfLine(): string {
    const { start } = this.peek();
    let { end } = this.peek();
    let depth = 0;
    while (depth > 0 || !this.atEndOfLine()) {
      if (this.peek().kind === 'end') break;
      if (this.at('{')) depth++;
      if (this.at('}')) depth--;
      end = this.next().end;
    }
    return this.#text.slice(start, end);
  }

  /** The text from a former position to here. */
  textSince(position: number): string {
    const first = this.#tokens[position];
    const last = this.#tokens[this.#at - 1];
    return first === undefined || last === undefined ? '' : this.#text.slice(first.start, last.end);
  }

  /** An error that names the line of what comes next. */
  malformed(why: string): FlatnetError {
    const { start, kind } = this.peek();
    const before = this.#text.slice(0, start).split('\n');
    const cut = kind === 'end' ? 'it ends' : JSON.stringify(this.peek().text);
    return new FlatnetError({
      operation: 'parse nft listing',
      code: 'invalid',
      message: `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}: ${why}, but ${cut}`,
      remedy: 'give the whole output of `nft list ruleset`',
    });
  }
}
