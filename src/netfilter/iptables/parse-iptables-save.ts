import { FlatnetError } from '../../error/flatnet-error.ts';
import type { IptablesChain, IptablesCounters, IptablesRule, IptablesRuleset, IptablesTable } from './node.ts';
import { parseRule } from './parse-rule.ts';

interface ChainDraft extends Omit<IptablesChain, 'rules'> {
  readonly rules: IptablesRule[];
}

interface TableDraft extends IptablesTable {
  readonly chains: ChainDraft[];
  readonly byName: Map<string, ChainDraft>;
}

/**
 * Reads what iptables-save and ip6tables-save print, with counters (`-c`) or without.
 * @throws FlatnetError `invalid` naming the line that isn't understood, and where a table has no COMMIT
 */
export function parseIptablesSave(text: string): IptablesRuleset {
  const tables: IptablesTable[] = [];
  let table: TableDraft | undefined;
  let start = 0;
  for (let number = 1; start < text.length; number++) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, text.charCodeAt(end - 1) === CARRIAGE_RETURN ? end - 1 : end);
    start = end + 1;
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('*')) table = { name: line.slice(1), chains: [], byName: new Map() };
    else if (table === undefined) throw malformed(number, line, 'stands in no table');
    else if (line === 'COMMIT') {
      tables.push({ name: table.name, chains: table.chains });
      table = undefined;
    } else if (line.startsWith(':')) readChain(table, line, number);
    else readRule(table, line, number);
  }
  if (table !== undefined)
    throw new FlatnetError({
      operation: 'parse iptables-save',
      code: 'invalid',
      message: `table ${table.name} has no COMMIT: the dump is cut off`,
      remedy: 'take the dump again',
    });
  return { tables };
}

const CARRIAGE_RETURN = 13;

function malformed(number: number, line: string, why: string): FlatnetError {
  return new FlatnetError({
    operation: 'parse iptables-save',
    code: 'invalid',
    message: `line ${number} ${why}: ${JSON.stringify(line.slice(0, 200))}`,
    remedy: 'give the output of iptables-save or ip6tables-save',
  });
}

/** `:NAME POLICY [PACKETS:BYTES]`; chains that users make have the policy `-`. */
function readChain(table: TableDraft, line: string, number: number): void {
  const [name, policy, counted] = line.slice(1).split(' ');
  if (name === undefined || name === '' || policy === undefined) throw malformed(number, line, 'declares no chain');
  const counters = counted === undefined ? undefined : parseCounters(counted);
  const chain: ChainDraft = {
    name,
    ...(policy !== '-' && { policy }),
    ...(counters !== undefined && { counters }),
    rules: [],
  };
  table.chains.push(chain);
  table.byName.set(name, chain);
}

/** `[PACKETS:BYTES] -A NAME OPTIONS`. */
function readRule(table: TableDraft, line: string, number: number): void {
  let at = 0;
  let counters: IptablesCounters | undefined;
  if (line.startsWith('[')) {
    at = line.indexOf(' ') + 1;
    counters = parseCounters(line.slice(0, at - 1));
  }
  if (!line.startsWith('-A ', at)) throw malformed(number, line, 'is no rule');
  const space = line.indexOf(' ', at + 3);
  const name = line.slice(at + 3, space < 0 ? undefined : space);
  const chain = table.byName.get(name);
  if (chain === undefined) throw malformed(number, line, `names a chain ${name} that table ${table.name} lacks`);
  const rule = parseRule(line, space < 0 ? line.length : space, counters);
  if (rule === undefined) throw malformed(number, line, 'has a word where an option should be');
  chain.rules.push(rule);
}

function parseCounters(text: string): IptablesCounters | undefined {
  const match = /^\[(\d+):(\d+)\]$/.exec(text);
  return match === null ? undefined : { packets: BigInt(match[1] ?? 0), bytes: BigInt(match[2] ?? 0) };
}
