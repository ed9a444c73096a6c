/**
 * Numbers for the texts that describe hosts and pods, so that these are compared as numbers; and short words for what many of
 * them have in common, so that their texts are short.
 */
export class Glossary {
  readonly #numbers = new Map<string, number>();
  readonly #words = new WeakMap<object, string>();

  /** A text's number: the same for the same text. */
  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }

  /** A word that stands for a text: the same for the same text. */
  word(text: string): string {
    return `§${this.number(text)}`;
  }

  /** The word of an object that says the same wherever it is met, and that was met before. */
  wordOf(object: object): string | undefined {
    return this.#words.get(object);
  }

  /** Has an object stand for a text wherever it is met from now on. */
  learn(object: object, text: string): string {
    const word = this.word(text);
    this.#words.set(object, word);
    return word;
  }
}
