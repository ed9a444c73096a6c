import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import type { Change } from './change.ts';
import type { ForwardingEntry, LinkAddress, Neighbour, QueueDiscipline } from './network-state.ts';
import type { OwnedLink, OwnedNetwork } from './owned-state.ts';
import { MAIN_TABLE, type NextHop, type Route, type RoutingRule } from './route.ts';

/** One line about a change, for logs and for people: a verb, and the thing in iproute2's words. */
export function formatChange(change: Change): string {
  switch (change.kind) {
    case 'add-link':
    case 'update-link':
      return `${verbOf(change.kind)} ${formatLink(change.link)}`;
    case 'remove-link':
      return `remove link ${change.name}`;
    case 'put-address':
    case 'remove-address':
      return `${verbOf(change.kind)} ${formatLinkAddress(change.address)}`;
    case 'put-route':
    case 'remove-route':
      return `${verbOf(change.kind)} ${formatRoute(change.route)}`;
    case 'add-rule':
    case 'remove-rule':
      return `${verbOf(change.kind)} ${formatRoutingRule(change.rule)}`;
    case 'put-neighbour':
    case 'remove-neighbour':
      return `${verbOf(change.kind)} ${formatNeighbour(change.neighbour)}`;
    case 'put-forwarding':
    case 'remove-forwarding':
      return `${verbOf(change.kind)} ${formatForwarding(change.entry)}`;
    case 'put-queue-discipline':
    case 'remove-queue-discipline':
      return `${verbOf(change.kind)} ${formatQueueDiscipline(change.discipline)}`;
    case 'set-sysctl':
      return `set ${change.setting.key} = ${change.setting.value}`;
    case 'change-tables':
      return `change tables: ${change.changes.map(formatTableChange).join(', ')}`;
    default:
      return change satisfies never;
  }
}

function verbOf(kind: Change['kind']): string {
  return kind.slice(0, kind.indexOf('-'));
}

function formatTableChange(change: TableChange): string {
  const { family, name } = change.table;
  const what = 'chain' in change ? ` ${typeof change.chain === 'string' ? change.chain : change.chain.name}` : '';
  return `${change.kind} ${family} ${name}${what}`;
}

/** All rows of a network but those of its tables, a line each. */
export function formatNetwork(network: OwnedNetwork): string[] {
  return [
    ...network.sysctls.map(({ key, value }) => `${key} = ${value}`),
    ...network.links.map(formatLink),
    ...network.addresses.map(formatLinkAddress),
    ...network.rules.map(formatRoutingRule),
    ...network.routes.map(formatRoute),
    ...network.neighbours.map(formatNeighbour),
    ...network.forwarding.map(formatForwarding),
    ...network.queueDisciplines.map(formatQueueDiscipline),
  ];
}

/** `word value` where there is a value, nothing where there is none. */
function part(word: string, value: string | number | undefined): string {
  return value === undefined ? '' : ` ${word} ${value}`;
}

function flag(word: string, set: boolean | undefined): string {
  return set === true ? ` ${word}` : '';
}

function formatLink({ name, kind, alias, mac, mtu, up, master, port }: OwnedLink): string {
  const rest = `${part('address', mac)} mtu ${mtu}${part('master', master)}${flag('hairpin', port?.hairpin)}`;
  return `link ${name} ${up ? 'up' : 'down'} type ${formatLinkKind(kind)}${rest}${part('alias', alias && JSON.stringify(alias))}`;
}

function formatLinkKind(kind: OwnedLink['kind']): string {
  switch (kind.kind) {
    case 'veth':
      return `veth peer ${kind.peer.name} netns ${kind.peer.namespace} address ${kind.peer.mac}`;
    case 'vxlan':
      return `vxlan id ${kind.vni} dstport ${kind.port} local ${formatAddress(kind.local)} dev ${kind.device} nolearning`;
    case 'bridge':
    case 'pod-end':
      return kind.kind;
  }
}

function formatLinkAddress({ device, address, length, noDad, noPrefixRoute }: LinkAddress): string {
  return `addr ${formatPrefix({ address, length })} dev ${device}${flag('nodad', noDad)}${flag('noprefixroute', noPrefixRoute)}`;
}

export function formatRoute({ table, destination, type, nextHops, source, metric, protocol, mtu }: Route): string {
  const hops = nextHops.map(formatNextHop).join(' nexthop');
  const where = `${part('table', table === MAIN_TABLE ? undefined : table)}${part('metric', metric || undefined)}`;
  const typed = type === 'unicast' ? '' : ` ${type}`;
  return `route${typed} ${formatPrefix(destination)}${hops}${part('src', source && formatAddress(source))}${where}${part('mtu', mtu)} proto ${protocol}`;
}

function formatNextHop({ gateway, device, onlink }: NextHop): string {
  return `${part('via', gateway && formatAddress(gateway))}${part('dev', device)}${flag('onlink', onlink)}`;
}

function formatRoutingRule({ priority, from, to, action }: RoutingRule): string {
  const what = action.kind === 'table' ? `lookup ${action.table}` : action.kind;
  return `rule ${priority}${part('from', from && formatPrefix(from))}${part('to', to && formatPrefix(to))} ${what}`;
}

function formatNeighbour({ device, address, mac, state }: Neighbour): string {
  return `neigh ${formatAddress(address)}${part('lladdr', mac)} dev ${device} ${state}`;
}

function formatForwarding({ device, mac, destination }: ForwardingEntry): string {
  return `fdb ${mac} dev ${device}${part('dst', destination && formatAddress(destination))}`;
}

function formatQueueDiscipline(discipline: QueueDiscipline): string {
  if (discipline.kind === 'other') return `qdisc ${discipline.name} dev ${discipline.device}`;
  const { device, rate, burst, latency } = discipline;
  return `qdisc tbf dev ${device} rate ${rate}Bps burst ${burst} latency ${latency}us`;
}
