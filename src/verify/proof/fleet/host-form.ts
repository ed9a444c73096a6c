import type { Link } from '../../../host/link.ts';
import type { NetworkState } from '../../../host/network-state.ts';
import type { RoutingRule } from '../../../host/route.ts';
import { deviceOfSysctl } from '../../../host/sysctl-key.ts';
import type { Table } from '../../../netfilter/node.ts';
import type { FormWriter } from './form-writer.ts';
import type { OwnPod } from './own-names.ts';
import { type Naming, transcribe } from './transcript.ts';

/** Of the tables of the other families the model knows nothing: packets pass them by. */
const UNSEEN: ReadonlySet<Table['family']> = new Set(['netdev', 'arp']);

/** What a host's own namespace is made of, but for what is its pods'. */
export function describeRoot(writer: FormWriter): string {
  const { own } = writer;
  const { state } = own.root;
  const naming = namingOf(writer);
  const lines = state.links
    .filter(({ name }) => !own.podLinks.has(name))
    .map((link) => `link ${describeLink(link, writer)} out ${own.map.leadsOut(own.root, link)}`);
  for (const { device, address, length, ...rest } of state.addresses)
    lines.push(`address ${device} ${addressText(writer, device, address)}/${length} ${writer.value(rest)}`);
  for (const rule of state.rules) lines.push(`rule ${describeRule(rule, writer)}`);
  for (const [key, value] of state.sysctls)
    if (!own.podLinks.has(deviceOfSysctl(key) ?? '')) lines.push(`${key}=${value}`);
  for (const table of state.ruleset.tables) if (!UNSEEN.has(table.family)) lines.push(writer.value(table));
  for (const { what, why } of state.unknown) lines.push(`unknown ${what}: ${why}`);
  for (const address of own.roots) lines.push(transcribe(state, address, naming));
  for (const site of own.others) lines.push(`other ${site.name} ${describeNamespace(site.state, writer)}`);
  if (own.node !== undefined)
    lines.push(`node ${own.node.addresses.map((address) => writer.address(address)).join(' ')}`);
  return lines.join('\n');
}

/** Of several addresses of a family on a device the kernel chooses by their bits: then these are part of the form. */
function addressText(writer: FormWriter, device: string, address: { family: 4 | 6; value: bigint }): string {
  const { addresses } = writer.own.root.state;
  const others = addresses.filter((row) => row.device === device && row.address.family === address.family);
  const name = writer.own.rootName(address) ?? `${address.value}`;
  return others.length > 1 ? `${name} ${address.value}` : name;
}

/** What a pod is made of: its namespace, its wire, and what its host knows of it. */
export function describePod(writer: FormWriter, pod: OwnPod): string {
  const { root } = writer.own;
  const naming = namingOf(writer, pod);
  const lines = [describeNamespace(pod.site.state, writer, pod)];
  lines.push(`known ${pod.participant.addresses.map((address) => writer.address(address, pod)).join(' ')}`);
  const { wire } = pod;
  if (wire === undefined) return `${lines.join('\n')}\nnot wired ${pod.site.name}`;
  lines.push(`host end ${describeLink(wire.host.device, writer, pod)}`);
  for (const [key, value] of root.state.sysctls)
    if (deviceOfSysctl(key) === wire.host.device.name) lines.push(`${nameless(key)}=${value}`);
  for (const address of pod.addresses) lines.push(transcribe(root.state, address, naming));
  return lines.join('\n');
}

function nameless(key: string): string {
  return key.slice(0, 8) + key.slice(key.lastIndexOf('.'));
}

function describeNamespace(state: NetworkState, writer: FormWriter, pod?: OwnPod): string {
  const naming = namingOf(writer, pod);
  const lines = state.links.map((link) => `link ${describeLink(link, writer, pod)}`);
  for (const { device, address, length, ...rest } of state.addresses)
    lines.push(`address ${device} ${naming.address(address)}/${length} ${writer.value(rest)}`);
  for (const { destination, nextHops, source, ...rest } of state.routes.rows()) {
    const hops = nextHops.map(
      ({ gateway, ...hop }) => `${gateway ? naming.address(gateway) : ''} ${writer.value(hop)}`,
    );
    const from = source === undefined ? '' : naming.address(source);
    lines.push(`route ${writer.prefix(destination, pod)} ${hops.join(';')} ${from} ${writer.value(rest)}`);
  }
  for (const rule of state.rules) lines.push(`rule ${describeRule(rule, writer, pod)}`);
  for (const { address, mac, ...rest } of state.neighbours.rows())
    lines.push(`neighbour ${naming.address(address)} ${mac ? naming.mac(mac) : ''} ${writer.value(rest)}`);
  for (const entry of state.forwarding.rows()) lines.push(`forwarding ${writer.value(entry)}`);
  for (const [key, value] of state.sysctls) lines.push(`${key}=${value}`);
  for (const table of state.ruleset.tables) if (!UNSEEN.has(table.family)) lines.push(writer.value(table));
  for (const { what, why } of state.unknown) lines.push(`unknown ${what}: ${why}`);
  return lines.join('\n');
}

function describeLink(
  { name, kind, mac, mtu, up, running, master, port, group, index }: Link,
  writer: FormWriter,
  pod?: OwnPod,
): string {
  const { mac: macText, device, address } = namingOf(writer, pod);
  const isWire = pod?.wire?.host.device.name === name || pod?.wire?.pod.device.name === name;
  const local = kind.kind === 'vxlan' && kind.local !== undefined ? address(kind.local) : '';
  const { local: _, ...rest } = kind.kind === 'vxlan' ? kind : { ...kind, local: undefined };
  // the numbers of a pair tell nothing but who is joined to whom
  const made = isWire ? 'pair' : `${index} ${writer.value(rest)} ${local}`;
  return `${device(name)} ${made} ${mac ? macText(mac) : ''} ${mtu} ${up} ${running} ${master ?? ''} ${writer.value(port)} ${group ?? 0}`;
}

function describeRule({ from, to, ...rest }: RoutingRule, writer: FormWriter, pod?: OwnPod): string {
  const ends = [from, to].map((prefix) => (prefix === undefined ? 'any' : writer.prefix(prefix, pod)));
  return `${ends.join(' ')} ${writer.value(rest)}`;
}

function namingOf(writer: FormWriter, pod?: OwnPod): Naming {
  const { own } = writer;
  const wire = pod?.wire;
  return {
    address: (address) => writer.address(address, pod),
    mac: (mac) => {
      if (mac === wire?.host.device.mac) return '@hostend';
      if (mac === wire?.pod.device.mac) return '@podend';
      return own.macName(mac) ?? mac;
    },
    device: (name) => {
      if (name === wire?.host.device.name) return '@link';
      if (own.podLinks.has(name)) writer.isSingular = true;
      return name;
    },
  };
}
