import { type ChainDirectory, directoryOf } from '../../netfilter/chain-directory.ts';
import type { Chain, Expression, Literal, MapElement, SetElement, Statement, Table } from '../../netfilter/node.ts';
import { covers } from '../model/value.ts';
import { canonicalText } from './canonical-text.ts';

/** An end of a packet's way through a host, with a device. */
type DeviceEnd = 'iifname' | 'oifname';

/** A match that tells some devices of a host from others by their names. */
interface Comparison {
  readonly end: DeviceEnd;
  readonly names: readonly Literal[];
  readonly isNegated: boolean;
}

/** A verdict `jump` or `goto`, with the rules that it leads to in place of a chain's name. */
interface Followed {
  readonly verdict: string | undefined;
  readonly rules: string | readonly Left[];
}

/** The statements that are left of a rule; `end` where a match doesn't hold. */
type Left = readonly (Statement | Followed | 'end')[];

/**
 * Chains that lead the packets of each device to rules of its own, as Felix' dispatch chains do, by one look or as a tree
 * of looks. Such a chain says the same of two devices if what is left of it, once it is known which of them is asked
 * about, is the same: whatever else it asks, its rules for other devices, and what its chains are called.
 */
export class DeviceDispatch {
  readonly #table: Table;
  readonly #chains: ChainDirectory['byName'];
  readonly #devices: readonly string[];
  readonly #isPersonal: (value: unknown) => boolean;
  readonly #comparisons = new Map<Statement, Comparison | undefined>();
  readonly #contents = new Map<Chain, string | undefined>();
  readonly #numbers = new Map<string, string>();
  readonly #ends = new Map<Chain, DeviceEnd | undefined>();
  #callers: ReadonlyMap<string, readonly (Chain | undefined)[]> | undefined;

  /**
   * @param devices the names of the host's ends of its pods' pairs
   * @param isPersonal whether a statement speaks of one of these pods
   */
  constructor(table: Table, devices: readonly string[], isPersonal: (value: unknown) => boolean) {
    this.#table = table;
    this.#chains = directoryOf(table.chains).byName;
    this.#devices = devices;
    this.#isPersonal = isPersonal;
  }

  /**
   * The end whose device a chain's own rules tell from others, if it does so by comparing names, at one end only; undefined
   * where it does not, or speaks of such devices in another way too.
   */
  endAsked(chain: Chain): DeviceEnd | undefined {
    if (this.#ends.has(chain)) return this.#ends.get(chain);
    const end = this.#readEnd(chain);
    this.#ends.set(chain, end);
    return end;
  }

  #readEnd({ rules }: Chain): DeviceEnd | undefined {
    const statements = rules.flatMap((rule) => rule.statements);
    const [end, ...others] = new Set(statements.flatMap((statement) => this.#comparisonIn(statement)?.end ?? []));
    if (end === undefined || others.length > 0) return undefined;
    const rest = statements.filter((statement) => this.#comparisonIn(statement) === undefined);
    return rest.some((statement) => this.#tellsApart(namesIn(statement))) ? undefined : end;
  }

  /** Whether all that leads to a chain is chains that ask for the same end: then it is told of with these. */
  isBranch(chain: Chain, end: DeviceEnd): boolean {
    if (chain.base !== undefined) return false;
    this.#callers ??= callersIn(this.#table);
    const callers = this.#callers.get(chain.name) ?? [];
    return callers.every((caller) => caller !== undefined && this.endAsked(caller) === end);
  }

  /** What is left of a chain for packets with a device at an end; chains that it leads to stand in it with their rules. */
  leftFor(device: string, end: DeviceEnd, chain: Chain, above: readonly Chain[] = []): readonly Left[] {
    const rules: Left[] = [];
    const path = [...above, chain];
    for (const { statements } of chain.rules) {
      const left = this.#leftOf(statements, device, end, path);
      if (left.length > 0) rules.push(left);
      // what stands behind a rule that takes every packet away is never asked
      if (left.length === 1 && isLast(left[0])) break;
    }
    return rules;
  }

  /** What is left of a rule: nothing, where it does nothing. */
  #leftOf(statements: readonly Statement[], device: string, end: DeviceEnd, path: readonly Chain[]): Left {
    const left: (Statement | Followed | 'end')[] = [];
    for (const statement of statements) {
      const comparison = this.#comparisonIn(statement);
      if (comparison?.end === end) {
        if (comparison.names.some((name) => covers(name, device) === true) !== comparison.isNegated) continue;
        // what stands before a match that doesn't hold is done all the same
        return left.every(doesNothing) ? [] : [...left, 'end'];
      }
      const to = this.#chainIn(statement);
      // no kernel takes chains that lead in a circle
      const isFollowable = to !== undefined && !path.includes(to);
      left.push(isFollowable ? this.#followedTo(to, statement, device, end, path) : statement);
    }
    return left;
  }

  #followedTo(to: Chain, statement: Statement, device: string, end: DeviceEnd, path: readonly Chain[]): Followed {
    const verdict = verdictKind(statement);
    const content = this.#contentOf(to);
    if (content !== undefined) return { verdict, rules: content };
    const rules = this.leftFor(device, end, to, path);
    const [only, ...more] = rules[0] ?? [];
    // from a chain that does nothing but to go on to another, that one may as well be gone to at once
    const isPassedOn = rules.length === 1 && more.length === 0 && isFollowed(only) && only.verdict === 'goto';
    return { verdict, rules: isPassedOn ? only.rules : rules };
  }

  #chainIn(statement: Statement): Chain | undefined {
    if (statement.kind !== 'verdict' || !('chain' in statement.verdict)) return undefined;
    return this.#chains.get(statement.verdict.chain);
  }

  /** An element of a map, with what it leads to in place of the name of a chain that says nothing of any pod. */
  followed(element: SetElement | MapElement): object {
    if (!('value' in element) || !('chain' in element.value)) return element;
    const { kind, chain: name } = element.value;
    const chain = this.#chains.get(name);
    const rules = chain && this.#contentOf(chain);
    return rules === undefined ? element : { ...element, value: { kind, rules } };
  }

  /** Stands for the rules of a chain that say nothing of any pod, the same for the same rules; undefined for other chains. */
  #contentOf(chain: Chain): string | undefined {
    if (this.#contents.has(chain)) return this.#contents.get(chain);
    // a chain that leads back to itself, which no kernel takes, has none
    this.#contents.set(chain, undefined);
    const content = this.#readContent(chain);
    this.#contents.set(chain, content);
    return content;
  }

  #readContent({ rules }: Chain): string | undefined {
    const followed: unknown[] = [];
    for (const { statements } of rules)
      for (const [place, statement] of statements.entries()) {
        if (this.#comparisonIn(statement) !== undefined || this.#isPersonal(statement)) return undefined;
        const chain = this.#chainIn(statement);
        const content = chain && this.#contentOf(chain);
        if (chain !== undefined && content === undefined) return undefined;
        followed.push(place, content === undefined ? statement : { verdict: verdictKind(statement), rules: content });
      }
    const text = canonicalText(followed, new Map());
    const number = this.#numbers.get(text) ?? `rules ${this.#numbers.size}`;
    this.#numbers.set(text, number);
    return number;
  }

  #comparisonIn(statement: Statement): Comparison | undefined {
    if (this.#comparisons.has(statement)) return this.#comparisons.get(statement);
    const comparison = comparisonOf(statement);
    const found = comparison !== undefined && this.#tellsApart(comparison.names) ? comparison : undefined;
    this.#comparisons.set(statement, found);
    return found;
  }

  /** Whether some of these names speak of some of the devices, and not of all. */
  #tellsApart(names: readonly Literal[]): boolean {
    return names.some((name) => {
      const first = covers(name, this.#devices[0] ?? '');
      return this.#devices.some((device) => covers(name, device) !== first);
    });
  }
}

/** The chains that lead to each chain by a verdict of their rules; undefined for what does by a map. */
function callersIn({ chains, maps }: Table): ReadonlyMap<string, readonly (Chain | undefined)[]> {
  const callers = new Map<string, (Chain | undefined)[]>();
  const add = (name: string, caller: Chain | undefined) => {
    const known = callers.get(name);
    if (known === undefined) callers.set(name, [caller]);
    else known.push(caller);
  };
  const addAll = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    if ('chain' in value) add(String(value.chain), undefined);
    for (const part of Object.values(value)) addAll(part);
  };
  for (const { elements } of maps) for (const { value } of elements) if ('chain' in value) add(value.chain, undefined);
  for (const chain of chains)
    for (const { statements } of chain.rules)
      for (const statement of statements)
        if (statement.kind !== 'verdict') addAll(statement);
        else if ('chain' in statement.verdict) add(statement.verdict.chain, chain);
  return callers;
}

function comparisonOf(statement: Statement): Comparison | undefined {
  if (statement.kind !== 'match') return undefined;
  const { left, right, operator } = statement;
  if (left.kind !== 'meta' || (left.key !== 'iifname' && left.key !== 'oifname')) return undefined;
  if (operator !== '==' && operator !== '!=') return undefined;
  const names = literalsOf(right);
  return names && { end: left.key, names, isNegated: operator === '!=' };
}

function literalsOf(right: Expression): readonly Literal[] | undefined {
  if (right.kind === 'literal') return [right.literal];
  return right.kind === 'set' ? right.elements.flatMap(({ key }) => key) : undefined;
}

/** All names of devices that a statement is made of. */
function namesIn(value: unknown): readonly Literal[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('kind' in value && value.kind === 'name' && 'name' in value) return [{ kind: 'name', name: String(value.name) }];
  return Object.values(value).flatMap(namesIn);
}

function verdictKind(statement: Statement): string | undefined {
  return statement.kind === 'verdict' ? statement.verdict.kind : undefined;
}

function doesNothing(statement: Left[number]): boolean {
  return statement !== 'end' && !isFollowed(statement) && (statement.kind === 'match' || statement.kind === 'counter');
}

function isFollowed(statement: Left[number] | undefined): statement is Followed {
  return typeof statement === 'object' && !('kind' in statement);
}

/** Whether no packet comes to the rule behind one that is this and nothing else. */
function isLast(statement: Left[number] | undefined): boolean {
  if (statement === undefined || statement === 'end') return false;
  if (isFollowed(statement)) return statement.verdict === 'goto';
  return statement.kind === 'verdict' && LAST.has(statement.verdict.kind);
}

const LAST: ReadonlySet<string> = new Set(['accept', 'drop', 'goto', 'return']);
