import * as v from 'valibot';
import { parseAddress } from '../../address/address.ts';
import { FAMILY_BITS, type Family } from '../../address/family.ts';
import { type Prefix, prefixOf } from '../../address/prefix.ts';
import type { RoutingRule } from '../route.ts';
import { type Dump, parseDumpRows } from './dump-rows.ts';
import { numberOf, type TableNumbers } from './number-name.ts';

const RULE = v.looseObject({
  priority: v.number(),
  not: v.optional(v.unknown()),
  src: v.optional(v.string(), 'all'),
  srclen: v.optional(v.number()),
  dst: v.optional(v.string(), 'all'),
  dstlen: v.optional(v.number()),
  fwmark: v.optional(v.string()),
  fwmask: v.optional(v.string()),
  iif: v.optional(v.string()),
  oif: v.optional(v.string()),
  table: v.optional(v.string()),
  suppress_prefixlen: v.optional(v.number()),
  goto: v.optional(v.union([v.number(), v.string()])),
  nop: v.optional(v.unknown()),
  action: v.optional(v.string()),
  protocol: v.optional(v.string()),
});
type RuleRow = v.InferOutput<typeof RULE>;

/** Fields that are no selectors, or that RoutingRule says. */
const MODELLED: ReadonlySet<string> = new Set([
  ...Object.keys(RULE.entries),
  'unresolved',
  'iif_detached',
  'oif_detached',
]);
const ALL_BITS = 0xffff_ffff;

/**
 * Reads `ip -j rule` or `ip -j -6 rule`.
 * @throws FlatnetError `invalid` for text that is no such list
 */
export function parseRoutingRules(text: string, family: Family, tables: TableNumbers): Dump<RoutingRule> {
  const name = family === 4 ? 'rule.json' : 'rule6.json';
  return parseDumpRows(name, text, RULE, (row) => ({ row: readRule(row, family, tables) }));
}

function readRule(row: RuleRow, family: Family, tables: TableNumbers): RoutingRule {
  const from = selector(row.src, row.srclen, family);
  const to = selector(row.dst, row.dstlen, family);
  const action = actionOf(row, tables);
  const other = Object.keys(row).filter((field) => !MODELLED.has(field));
  if (action === undefined) other.push(`action ${row.action ?? ''}`);
  const protocol = row.protocol === undefined ? 0 : (numberOf('protocol', row.protocol) ?? 0);
  return {
    family,
    priority: row.priority,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(row.iif !== undefined && { inputDevice: row.iif }),
    ...(row.oif !== undefined && { outputDevice: row.oif }),
    ...(protocol !== 0 && { protocol }),
    ...(row.fwmark !== undefined && {
      mark: { value: Number(row.fwmark), mask: row.fwmask === undefined ? ALL_BITS : Number(row.fwmask) },
    }),
    ...('not' in row && row.not !== undefined && { invert: true }),
    action: action ?? { kind: 'nop' },
    ...(other.length > 0 && { other }),
  };
}

function selector(text: string, length: number | undefined, family: Family): Prefix | undefined {
  if (text === 'all') return undefined;
  return prefixOf(parseAddress(text), length ?? FAMILY_BITS[family]);
}

function actionOf(row: RuleRow, tables: TableNumbers): RoutingRule['action'] | undefined {
  if (row.goto !== undefined) return { kind: 'goto', priority: Number(row.goto) };
  if (row.nop !== undefined) return { kind: 'nop' };
  if (row.action !== undefined) {
    const type = numberOf('routeType', row.action);
    const kind = (['blackhole', 'unreachable', 'prohibit'] as const).find(
      (each) => numberOf('routeType', each) === type,
    );
    return kind && { kind };
  }
  if (row.table === undefined) return undefined;
  const table = tables.numberOf(row.table);
  return row.suppress_prefixlen === undefined
    ? { kind: 'table', table }
    : { kind: 'table', table, suppressPrefixLength: row.suppress_prefixlen };
}
