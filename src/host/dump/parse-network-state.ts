import type { Family } from '../../address/family.ts';
import type { NetworkState, Unknown } from '../network-state.ts';
import { forwardingTable, neighbourTable, routeTable } from '../state-table.ts';
import { damagedDumps, unendedDumps } from './damaged-dumps.ts';
import { DUMP_FILES, type DumpFile } from './dump-file.ts';
import type { Dump } from './dump-rows.ts';
import { missedDumps } from './missed-dumps.ts';
import { TableNumbers } from './number-name.ts';
import { parseAddresses } from './parse-addresses.ts';
import { parsePrograms, parseVirtualServers } from './parse-kernel-services.ts';
import { parseLinks } from './parse-links.ts';
import { parseForwarding, parseNeighbours } from './parse-neighbours.ts';
import { parseNextHopObjects, parseRoutes } from './parse-routes.ts';
import { parseRoutingRules } from './parse-routing-rules.ts';
import { attempt, parseRulesets } from './parse-rulesets.ts';
import { parseSysctls } from './parse-sysctls.ts';
import { parseTrafficControl } from './parse-traffic-control.ts';

/** Reads the dumps of one namespace. What is missing or not understood is named in the state's `unknown`. @param read a file's text */
export function parseNetworkState(read: (file: DumpFile) => string | undefined): NetworkState {
  const unknown: Unknown[] = [];
  const rowsOf = <Row>(file: DumpFile, parse: (text: string) => Dump<Row>): readonly Row[] => {
    const text = read(file);
    const what = DUMP_FILES[file];
    if (text === undefined) {
      if (what !== undefined) unknown.push({ what, why: `${file} is missing` });
      return [];
    }
    const dump = attempt(file, () => parse(text), unknown);
    if (dump !== undefined) unknown.push(...dump.unknown);
    return dump?.rows ?? [];
  };
  const tables = new TableNumbers();
  const nextHops = attempt('nexthop.json', () => parseNextHopObjects(read('nexthop.json') ?? ''), unknown);
  unknown.push(...(nextHops?.unknown ?? []));
  const objects = nextHops?.objects ?? new Map();
  const routesOf = (family: Family) =>
    rowsOf(family === 4 ? 'route.json' : 'route6.json', (text) => parseRoutes(text, { family, tables, objects }));
  const rulesOf = (family: Family) =>
    rowsOf(family === 4 ? 'rule.json' : 'rule6.json', (text) => parseRoutingRules(text, family, tables));
  const sysctls = read('sysctl.txt');
  if (sysctls === undefined) unknown.push({ what: DUMP_FILES['sysctl.txt'], why: 'sysctl.txt is missing' });
  const rules = parseRulesets({
    nftJson: read('nft.json'),
    nftText: read('nft.txt'),
    iptables: read('iptables-save.txt'),
    ip6tables: read('ip6tables-save.txt'),
    ipset: read('ipset-save.txt'),
  });
  const links = rowsOf('link.json', parseLinks);
  return {
    links,
    addresses: rowsOf('addr.json', parseAddresses),
    routes: routeTable([...routesOf(4), ...routesOf(6)]),
    rules: [...rulesOf(4), ...rulesOf(6)],
    neighbours: neighbourTable([
      ...rowsOf('neigh.json', parseNeighbours),
      ...rowsOf('neigh-proxy.json', parseNeighbours),
    ]),
    forwarding: forwardingTable(rowsOf('fdb.json', parseForwarding)),
    sysctls: parseSysctls(sysctls ?? ''),
    queueDisciplines: rowsOf('tc.txt', parseTrafficControl),
    ruleset: rules.ruleset,
    unknown: distinct([
      ...damagedDumps(read),
      ...unendedDumps(read),
      ...unknown,
      ...rules.unknown,
      ...parsePrograms(read('bpf.txt') ?? ''),
      ...parseVirtualServers(read('ip_vs.txt') ?? ''),
      ...missedDumps(read, links),
    ]),
  };
}

/** tc and bpftool both tell of some programs. */
function distinct(unknown: readonly Unknown[]): readonly Unknown[] {
  return [...new Map(unknown.toReversed().map((one) => [one.what, one])).values()].toReversed();
}
