import { FlatnetError } from '../../error/flatnet-error.ts';
import { tokenize } from '../iptables/token.ts';
import type { IpSet, IpSetEntry } from './node.ts';

/** Options that have no value. */
const BARE: ReadonlySet<string> = new Set(['counters', 'comment', 'skbinfo', 'forceadd', 'nomatch', 'wildcard']);

/**
 * Reads what `ipset save` prints: `create NAME TYPE OPTIONS` and `add NAME ENTRY OPTIONS`.
 * @throws FlatnetError `invalid` naming the line that isn't understood
 */
export function parseIpsetSave(text: string): readonly IpSet[] {
  const sets = new Map<string, IpSet & { readonly entries: IpSetEntry[] }>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [verb, name, third, ...rest] = tokenize(line.trimEnd(), 0).words;
    if (name === undefined || third === undefined) throw malformed(index, line, 'is cut off');
    if (verb === 'create') sets.set(name, { name, type: third, options: parseOptions(rest, 'create'), entries: [] });
    else if (verb === 'add') {
      const set = sets.get(name);
      if (set === undefined) throw malformed(index, line, `names a set ${name} that isn't there`);
      set.entries.push({ text: third, options: parseOptions(rest, 'add') });
    } else throw malformed(index, line, 'is neither create nor add');
  }
  return [...sets.values()];
}

function malformed(index: number, line: string, why: string): FlatnetError {
  return new FlatnetError({
    operation: 'parse ipset save',
    code: 'invalid',
    message: `line ${index + 1} ${why}: ${JSON.stringify(line.slice(0, 200))}`,
    remedy: 'give the whole output of `ipset save`',
  });
}

/** `comment` is a switch of a set, and a text of an entry. */
function parseOptions(words: readonly string[], verb: 'create' | 'add'): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (let at = 0; at < words.length; at++) {
    const name = words[at] ?? '';
    const bare = BARE.has(name) && !(name === 'comment' && verb === 'add');
    options.set(name, bare ? '' : (words[++at] ?? ''));
  }
  return options;
}
