import { type Address, formatAddress } from '../../../address/address.ts';
import { formatPrefix, parsePrefix, prefixCovers } from '../../../address/prefix.ts';
import type { Link, LinkKind } from '../../../host/link.ts';
import type { LinkAddress, NetworkState, StateTable } from '../../../host/network-state.ts';
import type { Route, RoutingRule } from '../../../host/route.ts';
import { describeDeviceChain, deviceChainsOf, withoutPodChains } from './device-chain-form.ts';
import type { FormWriter } from './form-writer.ts';
import { partsOf } from './outside-tables.ts';
import type { OwnPod } from './own-names.ts';
import { type Naming, transcribe } from './transcript.ts';

/** What a host's own namespace is made of, but for what is its pods'. */
export function describeRoot(writer: FormWriter): string {
  const { own } = writer;
  const { state } = own.root;
  const naming = namingOf(writer);
  const lines = state.links
    .filter(({ name }) => !own.podLinks.has(name))
    .map((link) => `link ${describeLink(link, writer)} out ${own.map.leadsOut(own.root, link)}`);
  for (const row of state.addresses)
    lines.push(`address ${describeAddress(row, addressText(writer, row.device, row.address))}`);
  for (const rule of state.rules) lines.push(`rule ${describeRule(rule, writer)}`);
  for (const [device, settings] of own.settings)
    if (!own.podLinks.has(device ?? '')) for (const [key, value] of settings) lines.push(`${key}=${value}`);
  for (const device of deviceChainsOf(state.ruleset).keys()) if (device.endsWith('*')) writer.deviceNames.push(device);
  for (const table of state.ruleset.tables) lines.push(writer.value(withoutPodChains(table, own.podLinks)));
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
  let text = describeNamespace(pod.site.state, writer, pod);
  for (const address of pod.participant.addresses) text += `known ${writer.address(address, pod)}\n`;
  const { wire } = pod;
  if (wire === undefined) return `${text}not wired ${pod.site.name}`;
  text += `host end ${describeLink(wire.host.device, writer, pod)}\n`;
  for (const [key, value] of writer.own.settings.get(wire.host.device.name) ?? [])
    text += `${nameless(key)}=${value}\n`;
  for (const address of pod.addresses) text += `${transcribe(root.state, address, naming)}\n`;
  for (const { table, chain } of deviceChainsOf(root.state.ruleset).get(wire.host.device.name) ?? [])
    text += `${describeDeviceChain(table, chain, writer, pod)}\n`;
  return text;
}

function nameless(key: string): string {
  return key.slice(0, 8) + key.slice(key.lastIndexOf('.'));
}

function describeNamespace(state: NetworkState, writer: FormWriter, pod?: OwnPod): string {
  const naming = namingOf(writer, pod);
  let text = '';
  for (const link of state.links) text += `link ${describeLink(link, writer, pod)}\n`;
  for (const row of state.addresses) text += `address ${describeAddress(row, naming.address(row.address))}\n`;
  for (const part of partsOf(state.routes)) text += `${describeRoutes(part, writer, naming, pod)}\n`;
  for (const rule of state.rules) text += `rule ${describeRule(rule, writer, pod)}\n`;
  for (const { device, address, mac, state: known, proxy } of state.neighbours.rows())
    text += `neighbour ${device} ${naming.address(address)} ${mac ? naming.mac(mac) : ''} ${known} ${proxy ?? ''}\n`;
  for (const entry of state.forwarding.rows()) text += `forwarding ${writer.value(entry)}\n`;
  text += `settings ${describeSettings(state.sysctls, writer)}\n`;
  for (const table of state.ruleset.tables) text += `${writer.value(table)}\n`;
  for (const { what, why } of state.unknown) text += `unknown ${what}: ${why}\n`;
  return text;
}

/** Namespaces of pods wired alike have the same settings, and not only equal ones. */
function describeSettings(settings: NetworkState['sysctls'], { glossary }: FormWriter): string {
  const known = glossary.wordOf(settings);
  if (known !== undefined) return known;
  let text = '';
  for (const [key, value] of settings) text += `${key}=${value}\n`;
  return glossary.learn(settings, text);
}

function describeAddress(
  { device, length, scope, peer, noPrefixRoute, tentative, dadFailed }: LinkAddress,
  name: string,
) {
  const far = peer === undefined ? '' : formatAddress(peer);
  return `${device} ${name}/${length} ${scope} ${far} ${noPrefixRoute ?? ''} ${tentative ?? ''} ${dadFailed ?? ''}`;
}

function describeRoutes(part: StateTable<Route, Address>, writer: FormWriter, naming: Naming, pod?: OwnPod): string {
  // what new namespaces have is the same table in many of them
  const known = writer.glossary.wordOf(part);
  if (known !== undefined) return known;
  let text = '';
  let isLoopbacks = true;
  for (const { table, destination, type, nextHops, source, metric, scope, mtu } of part.rows()) {
    isLoopbacks &&= LOOPBACK.some((prefix) => prefixCovers(prefix, destination));
    const to = isLoopbacks ? formatPrefix(destination) : writer.prefix(destination, pod);
    text += `route ${table} ${to} ${type} ${metric} ${scope} ${mtu ?? ''}`;
    text += ` ${source === undefined ? '' : isLoopbacks && nextHops.every(({ gateway }) => gateway === undefined) ? formatAddress(source) : naming.address(source)}`;
    for (const { device, gateway, weight, onlink, dead } of nextHops)
      text += ` ${device} ${gateway ? naming.address(gateway) : ''} ${weight} ${onlink} ${dead ?? ''};`;
    text += '\n';
  }
  return isLoopbacks ? writer.glossary.learn(part, text) : text;
}

const LOOPBACK = [parsePrefix('127.0.0.0/8'), parsePrefix('::1/128')];

function describeLink(link: Link, writer: FormWriter, pod?: OwnPod): string {
  const { name, kind, mac, mtu, up, running, master, port, group, index } = link;
  const naming = namingOf(writer, pod);
  const isWire = pod?.wire?.host.device.name === name || pod?.wire?.pod.device.name === name;
  // the numbers of a pair tell nothing but who is joined to whom
  const made = isWire ? 'pair' : `${index} ${describeKind(kind, writer, naming)}`;
  const text = `${naming.device(name)} ${made} ${mac ? naming.mac(mac) : ''} ${mtu} ${up} ${running} ${group ?? 0}`;
  return master === undefined ? text : `${text} ${master} ${writer.value(port)}`;
}

function describeKind(kind: LinkKind, writer: FormWriter, naming: Naming): string {
  if (kind.kind === 'loopback' || kind.kind === 'device') return kind.kind;
  if (kind.kind !== 'vxlan') return writer.value(kind);
  const { local, ...rest } = kind;
  return `${writer.value(rest)} ${local === undefined ? '' : naming.address(local)}`;
}

const namings = new WeakMap<object, Naming>();

function namingOf(writer: FormWriter, pod?: OwnPod): Naming {
  const known = namings.get(pod ?? writer) ?? makeNaming(writer, pod);
  namings.set(pod ?? writer, known);
  return known;
}

function describeRule(rule: RoutingRule, writer: FormWriter, pod?: OwnPod): string {
  // rules that say nothing of addresses are the same objects in many namespaces
  const known = writer.glossary.wordOf(rule);
  if (known !== undefined) return known;
  const { from, to, ...rest } = rule;
  const ends = [from, to].map((prefix) => (prefix === undefined ? 'any' : writer.prefix(prefix, pod)));
  const text = `${ends.join(' ')} ${writer.value(rest)}`;
  return from === undefined && to === undefined ? writer.glossary.learn(rule, text) : text;
}

function makeNaming(writer: FormWriter, pod: OwnPod | undefined): Naming {
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
