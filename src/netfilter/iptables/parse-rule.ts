import { parsePrefix } from '../../address/prefix.ts';
import { isFlatnetError } from '../../error/flatnet-error.ts';
import type {
  AddressMatch,
  IptablesCounters,
  IptablesMatch,
  IptablesOption,
  IptablesRule,
  IptablesTarget,
} from './node.ts';
import { type Tokens, tokenize } from './token.ts';

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

interface OptionsDraft {
  readonly options: IptablesOption[];
}

/** The rule that a line says from `start` on, behind `-A CHAIN`; undefined where it isn't made of options. */
export function parseRule(
  line: string,
  start: number,
  counters: IptablesCounters | undefined,
): IptablesRule | undefined {
  const tokens = tokenize(line, start);
  const matches: (IptablesMatch & OptionsDraft)[] = [];
  const rule: Writable<IptablesRule> = { matches };
  if (counters !== undefined) rule.counters = counters;
  let extension: OptionsDraft | undefined;
  let negated = false;
  for (let at = 0; at < tokens.words.length; ) {
    const word = tokens.words[at] ?? '';
    if (isNegation(tokens, at)) {
      negated = true;
      at++;
      continue;
    }
    if (!isOption(tokens, at)) return undefined;
    const values = valuesAt(tokens, at + 1);
    const [value = ''] = values;
    at += 1 + values.length;
    switch (word) {
      case '-s':
      case '--source':
        rule.source = { value: parseAddressMatch(value), negated };
        break;
      case '-d':
      case '--destination':
        rule.destination = { value: parseAddressMatch(value), negated };
        break;
      case '-i':
      case '--in-interface':
        rule.inputInterface = { value, negated };
        break;
      case '-o':
      case '--out-interface':
        rule.outputInterface = { value, negated };
        break;
      case '-p':
      case '--protocol':
        rule.protocol = { value, negated };
        break;
      case '-f':
      case '--fragment':
        rule.fragment = { value: true, negated };
        break;
      case '-m':
      case '--match': {
        const match = { module: value, options: [] };
        matches.push(match);
        extension = match;
        break;
      }
      case '-j':
      case '--jump':
      case '-g':
      case '--goto': {
        const kind = word === '-g' || word === '--goto' ? 'goto' : 'jump';
        const target: IptablesTarget & OptionsDraft = { kind, name: value, options: [] };
        rule.target = target;
        extension = target;
        break;
      }
      default:
        // A protocol brings its own options with it.
        if (extension === undefined) {
          const match = { module: rule.protocol?.value ?? '', options: [] };
          matches.push(match);
          extension = match;
        }
        extension.options.push({ name: word.slice(word.startsWith('--') ? 2 : 1), negated, values });
    }
    negated = false;
  }
  return rule;
}

const DASH = 45;
const ZERO = 48;
const NINE = 57;

function isNegation({ words, quoted }: Tokens, at: number): boolean {
  return words[at] === '!' && quoted?.includes(at) !== true;
}

/** A dash and something that makes it no negative number. */
function isOption({ words, quoted }: Tokens, at: number): boolean {
  const word = words[at] ?? '';
  if (word.length < 2 || word.charCodeAt(0) !== DASH || quoted?.includes(at) === true) return false;
  const second = word.charCodeAt(1);
  return second < ZERO || second > NINE;
}

/** The words up to the next option. */
function valuesAt(tokens: Tokens, start: number): string[] {
  let end = start;
  while (end < tokens.words.length && !isOption(tokens, end) && !isNegation(tokens, end)) end++;
  return tokens.words.slice(start, end);
}

/** The same addresses occur again and again. */
const PARSED = new Map<string, AddressMatch>();
const MOST_PARSED = 100_000;

function parseAddressMatch(text: string): AddressMatch {
  const known = PARSED.get(text);
  if (known !== undefined) return known;
  const parsed = readAddressMatch(text);
  if (PARSED.size >= MOST_PARSED) PARSED.clear();
  PARSED.set(text, parsed);
  return parsed;
}

function readAddressMatch(text: string): AddressMatch {
  try {
    return { kind: 'prefix', prefix: parsePrefix(text) };
  } catch (error) {
    if (isFlatnetError(error)) return { kind: 'mask', text };
    throw error;
  }
}
