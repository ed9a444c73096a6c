import { FlatnetError } from '../../error/flatnet-error.ts';
import type { IptablesChain, IptablesCounters, IptablesRule, IptablesRuleset, IptablesTable } from './node.ts';
import { parseRule } from './parse-rule.ts';

/** Gets the parts of a dump one by one, as they stand in it: the chains of a table before its rules. */
export interface IptablesReader {
  table(name: string): void;
  /** @param policy of built-in chains only */
  chain(name: string, policy: string | undefined, counters: IptablesCounters | undefined): void;
  /** @param line the rule as it is written, without its counters */
  rule(chain: string, rule: IptablesRule, line: string): void;
}

/**
 * Reads what iptables-save and ip6tables-save print, with counters (`-c`) or without.
 * @throws FlatnetError `invalid` naming the line that isn't understood, and where a table has no COMMIT
 */
export function parseIptablesSave(text: string): IptablesRuleset {
  const tables: (IptablesTable & { readonly chains: IptablesChain[] })[] = [];
  const rules = new Map<string, IptablesRule[]>();
  readIptablesSave(text, {
    table(name) {
      tables.push({ name, chains: [] });
      rules.clear();
    },
    chain(name, policy, counters) {
      const own: IptablesRule[] = [];
      rules.set(name, own);
      tables.at(-1)?.chains.push({
        name,
        ...(policy !== undefined && { policy }),
        ...(counters !== undefined && { counters }),
        rules: own,
      });
    },
    rule(chain, rule) {
      rules.get(chain)?.push(rule);
    },
  });
  return { tables };
}

/** Reads such a dump without keeping it: those of large clusters have half a million lines. @throws as parseIptablesSave does */
export function readIptablesSave(text: string, reader: IptablesReader): void {
  let table: OpenTable | undefined;
  let start = 0;
  for (let number = 1; start < text.length; number++) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, text.charCodeAt(end - 1) === CARRIAGE_RETURN ? end - 1 : end);
    start = end + 1;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('*')) {
      table = { name: line.slice(1), chains: new Set(), last: undefined };
      reader.table(table.name);
    } else if (table === undefined) throw malformed(number, line, 'stands in no table');
    else if (line === 'COMMIT') table = undefined;
    else if (line.startsWith(':')) readChain(table, line, number, reader);
    else readRule(table, line, number, reader);
  }
  if (table !== undefined)
    throw new FlatnetError({
      operation: 'parse iptables-save',
      code: 'invalid',
      message: `table ${table.name} has no COMMIT: the dump is cut off`,
      remedy: 'take the dump again',
    });
}

interface OpenTable {
  readonly name: string;
  readonly chains: Set<string>;
  /** Of the rule before: those of a chain stand together. */
  last: string | undefined;
}

const CARRIAGE_RETURN = 13;
const SPACE = 32;
const NONE: IptablesCounters = { packets: 0n, bytes: 0n };

function malformed(number: number, line: string, why: string): FlatnetError {
  return new FlatnetError({
    operation: 'parse iptables-save',
    code: 'invalid',
    message: `line ${number} ${why}: ${JSON.stringify(line.slice(0, 200))}`,
    remedy: 'give the output of iptables-save or ip6tables-save',
  });
}

/** `:NAME POLICY [PACKETS:BYTES]`; chains that users make have the policy `-`. */
function readChain({ chains }: OpenTable, line: string, number: number, reader: IptablesReader): void {
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  if (first < 2 || first === line.length - 1) throw malformed(number, line, 'declares no chain');
  const name = line.slice(1, first);
  const policy = line.slice(first + 1, second < 0 ? undefined : second);
  const counted = second < 0 ? undefined : line.slice(second + 1);
  chains.add(name);
  reader.chain(name, policy === '-' ? undefined : policy, counted === undefined ? undefined : parseCounters(counted));
}

/** `[PACKETS:BYTES] -A NAME OPTIONS`. */
function readRule(table: OpenTable, line: string, number: number, reader: IptablesReader): void {
  let at = 0;
  let counters: IptablesCounters | undefined;
  if (line.startsWith('[')) {
    at = line.indexOf(' ') + 1;
    counters = parseCounters(line.slice(0, at - 1));
  }
  if (!line.startsWith('-A ', at)) throw malformed(number, line, 'is no rule');
  const name = chainAt(table, line, at + 3);
  if (name === undefined) throw malformed(number, line, `names a chain that table ${table.name} lacks`);
  const rule = parseRule(line, at + 3 + name.length, counters);
  if (rule === undefined) throw malformed(number, line, 'has a word where an option should be');
  reader.rule(name, rule, at === 0 ? line : line.slice(at));
}

/** The name of a chain that a line has at a place; undefined for none of the table's. */
function chainAt(table: OpenTable, line: string, start: number): string | undefined {
  const { last } = table;
  if (last !== undefined && line.startsWith(last, start)) {
    const after = start + last.length;
    if (after === line.length || line.charCodeAt(after) === SPACE) return last;
  }
  const space = line.indexOf(' ', start);
  const name = line.slice(start, space < 0 ? undefined : space);
  if (!table.chains.has(name)) return undefined;
  table.last = name;
  return name;
}

function parseCounters(text: string): IptablesCounters | undefined {
  if (text === '[0:0]') return NONE;
  const match = /^\[(\d+):(\d+)\]$/.exec(text);
  return match === null ? undefined : { packets: BigInt(match[1] ?? 0), bytes: BigInt(match[2] ?? 0) };
}
