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
import { type Token, tokenize } from './token.ts';

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
  for (let at = 0; at < tokens.length; ) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.text === '!' && !token.quoted) {
      negated = true;
      at++;
      continue;
    }
    if (!isOption(token)) return undefined;
    const values = valuesAt(tokens, at + 1);
    const [value = ''] = values;
    at += 1 + values.length;
    switch (token.text) {
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
        const kind = token.text === '-g' || token.text === '--goto' ? 'goto' : 'jump';
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
        extension.options.push({ name: token.text.replace(/^--?/, ''), negated, values });
    }
    negated = false;
  }
  return rule;
}

function isOption({ text, quoted }: Token): boolean {
  return !quoted && text.length > 1 && text.startsWith('-') && !/^-\d/.test(text);
}

/** The words up to the next option. */
function valuesAt(tokens: readonly Token[], start: number): string[] {
  const values: string[] = [];
  for (let at = start; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined || isOption(token) || (token.text === '!' && !token.quoted)) break;
    values.push(token.text);
  }
  return values;
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
