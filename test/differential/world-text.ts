import { formatAddress } from '../../src/address/address.ts';
import { routeText, ruleText } from '../../src/host/row-text.ts';
import { formatTable } from '../../src/netfilter/format-ruleset.ts';
import type { Disagreement } from './conversation-runner.ts';
import { formatRestore } from './iptables-text.ts';
import { formatNftText } from './nft-text.ts';
import { heardText } from './prediction.ts';
import type { World } from './world.ts';

/** A case for people: how the hosts are set, in nft's words where it has some, and what is said. */
export function formatWorld({ sites, conversations }: World): string {
  const hosts = Object.entries(sites).flatMap(([site, { tables, texts, iptables, routes, rules, sysctls }]) => [
    `host ${site}`,
    ...iptables.map((table) => `${table.family === 4 ? 'iptables' : 'ip6tables'}\n${formatRestore([table])}`),
    ...tables.map((table) => formatTable(table)),
    ...texts.map(formatNftText),
    ...routes.map((route) => `  route ${route.type} ${routeText(route)}`),
    ...rules.map((rule) => `  rule ${ruleText(rule)}`),
    ...sysctls.map(({ key, value }) => `  ${key} = ${value}`),
  ]);
  const said = conversations.map(
    ({ from, protocol, source, destination, sourcePort, destinationPort, ...rest }) =>
      `${from}: ${protocol} ${formatAddress(source)} ${sourcePort} → ${formatAddress(destination)} ${destinationPort} ${JSON.stringify(rest)}`,
  );
  return [...hosts, ...said].join('\n');
}

/** What the model said, and what was heard. */
export function formatDisagreement({ packet, predictions, seen }: Disagreement): string {
  const heard = seen.map(({ site, packet: each }) => `  ${site}: ${heardText(each)}`);
  const told = predictions.map(({ heard: expected, story }) =>
    [...expected.map((each) => `  ${each.site}: ${heardText(each.packet)}`), story].join('\n'),
  );
  return [`packet ${packet}`, 'heard:', ...(heard.length === 0 ? ['  nothing'] : heard), 'predicted:', ...told].join(
    '\n',
  );
}
