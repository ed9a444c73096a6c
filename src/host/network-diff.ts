import { diffTables } from '../netfilter/diff-tables.ts';
import type { Change } from './change.ts';
import { diffInsertions } from './insertion.ts';
import type { ObservedLink, ObservedNetwork } from './owned-network.ts';
import type { OwnedLink, OwnedNetwork, SysctlSetting } from './owned-state.ts';
import type { Route } from './route.ts';
import {
  forwardingKey,
  forwardingText,
  linkAddressKey,
  linkAddressText,
  neighbourKey,
  neighbourText,
  queueDisciplineKey,
  queueDisciplineText,
  routeKey,
  routeText,
  ruleText,
} from './row-text.ts';
import { deviceOfSysctl } from './sysctl-key.ts';

/**
 * The steps from what is to what must be ours in one namespace, in an order that the kernel accepts and in which no
 * packet is lost that had a way before and has one after:
 * masters before their ports; a link's sysctls before an existing link comes up; stale addresses before new ones,
 * which would else become secondary and vanish with them; neighbours and forwarding entries before the routes that
 * lead to them, and routes before the rules that look them up; tables while every device that they name is there;
 * what no longer belongs last, links at the very end.
 */
export function diffNetworks(current: ObservedNetwork, desired: OwnedNetwork): Change[] {
  const links = diffLinks(current.links, desired.links);
  const remaining = withoutDevices(current, links.recreated);
  const sysctls = diffSysctls(current.sysctls, desired.sysctls, links.recreated);
  const addresses = diffRows(remaining.addresses, desired.addresses, linkAddressKey, linkAddressText);
  const neighbours = diffRows(remaining.neighbours, desired.neighbours, neighbourKey, neighbourText);
  const forwarding = diffRows(remaining.forwarding, desired.forwarding, forwardingKey, forwardingText);
  const shaken = new Set(addresses.stale.map(({ device }) => device));
  const keptRoutes = shaken.size === 0 ? undefined : remaining.routes.filter((route) => !usesDevice(route, shaken));
  const routes = diffRows(remaining.routes, desired.routes, routeKey, routeText, keptRoutes);
  const rules = diffRows(current.rules, desired.rules, ruleText, ruleText);
  const disciplines = diffRows(
    remaining.queueDisciplines,
    desired.queueDisciplines,
    queueDisciplineKey,
    queueDisciplineText,
  );
  const transactions = [
    diffTables(current.tables, desired.tables),
    diffInsertions(current.insertions ?? [], desired.insertions ?? []),
  ].filter((changes) => changes.length > 0);
  const added = new Set(links.added.map(({ name }) => name));
  const ofAddedLink = ({ key }: SysctlSetting) => added.has(deviceOfSysctl(key) ?? '');
  const set = (setting: SysctlSetting): Change => ({ kind: 'set-sysctl', setting });
  return [
    ...links.replaced.map((name): Change => ({ kind: 'remove-link', name })),
    ...sysctls.filter((setting) => !ofAddedLink(setting)).map(set),
    ...links.added.map((link): Change => ({ kind: 'add-link', link })),
    ...sysctls.filter(ofAddedLink).map(set),
    ...links.updated.map((link): Change => ({ kind: 'update-link', link })),
    ...addresses.stale.map((address): Change => ({ kind: 'remove-address', address })),
    ...addresses.put.map((address): Change => ({ kind: 'put-address', address })),
    ...forwarding.put.map((entry): Change => ({ kind: 'put-forwarding', entry })),
    ...neighbours.put.map((neighbour): Change => ({ kind: 'put-neighbour', neighbour })),
    ...gatewaysLast(routes.put).map((route): Change => ({ kind: 'put-route', route })),
    ...rules.put.map((rule): Change => ({ kind: 'add-rule', rule })),
    ...disciplines.put.map((discipline): Change => ({ kind: 'put-queue-discipline', discipline })),
    ...transactions.map((changes): Change => ({ kind: 'change-tables', changes })),
    ...disciplines.stale.map((discipline): Change => ({ kind: 'remove-queue-discipline', discipline })),
    ...rules.stale.map((rule): Change => ({ kind: 'remove-rule', rule })),
    ...routes.stale.map((route): Change => ({ kind: 'remove-route', route })),
    ...neighbours.stale.map((neighbour): Change => ({ kind: 'remove-neighbour', neighbour })),
    ...forwarding.stale.map((entry): Change => ({ kind: 'remove-forwarding', entry })),
    ...links.stale.map((name): Change => ({ kind: 'remove-link', name })),
  ];
}

interface RowsDiff<Row> {
  readonly put: readonly Row[];
  readonly stale: readonly Row[];
}

/**
 * Rows to put and rows to remove. A row that differs under the same key is put, which replaces it; of several rows
 * under one key all but one are removed. Keys are made of rows that differ only: there are few.
 * @param kept rows of `current` that will still be there when the others are put; all of them unless given
 */
function diffRows<Row>(
  current: readonly Row[],
  desired: readonly Row[],
  key: (row: Row) => string,
  text: (row: Row) => string,
  kept: readonly Row[] = current,
): RowsDiff<Row> {
  if (current.length === 0) return { put: desired, stale: [] };
  const texts = current.map(text);
  const present = new Set(kept === current ? texts : kept.map(text));
  const desiredTexts = desired.map(text);
  const wanted = new Set(desiredTexts);
  const put = desired.filter((_, index) => !present.has(desiredTexts[index] ?? ''));
  const replacing = new Set(put.map(key));
  const stale = current.filter((row, index) => {
    const gone = !wanted.has(texts[index] ?? '');
    return gone && !replacing.delete(key(row));
  });
  return { put, stale };
}

interface LinksDiff {
  readonly added: readonly OwnedLink[];
  readonly updated: readonly OwnedLink[];
  /** Names of links that must go before one of the same name is made. */
  readonly replaced: readonly string[];
  readonly stale: readonly string[];
  /** Names of links whose rows the kernel drops: those replaced. */
  readonly recreated: ReadonlySet<string>;
}

function diffLinks(current: readonly ObservedLink[], desired: readonly OwnedLink[]): LinksDiff {
  const present = new Map(current.map((link) => [link.name, link]));
  const wanted = new Set(desired.map(({ name }) => name));
  const ordered = mastersFirst(desired);
  const replaced = ordered.filter((link) => {
    const observed = present.get(link.name);
    return observed !== undefined && !sameKind(observed, link);
  });
  const recreated = new Set(replaced.map(({ name }) => name));
  const isAdded = (link: OwnedLink) =>
    link.kind.kind !== 'pod-end' && (!present.has(link.name) || recreated.has(link.name));
  return {
    added: ordered.filter(isAdded),
    updated: ordered.filter((link) => !isAdded(link) && !sameSettings(present.get(link.name), link)),
    replaced: replaced.map(({ name }) => name),
    stale: current
      .filter(({ name, kind }) => kind.kind !== 'pod-end' && !wanted.has(name))
      .map(({ name }) => name)
      .reverse(),
    recreated,
  };
}

function mastersFirst(links: readonly OwnedLink[]): readonly OwnedLink[] {
  return [...links.filter(({ master }) => master === undefined), ...links.filter(({ master }) => master !== undefined)];
}

/** Whether the link that is there can be made into the one that must be, and needn't be made anew. */
function sameKind({ kind }: ObservedLink, { kind: desired }: OwnedLink): boolean {
  if (kind.kind === 'vxlan' && desired.kind === 'vxlan')
    return (
      kind.vni === desired.vni &&
      kind.port === desired.port &&
      kind.device === desired.device &&
      kind.local.value === desired.local.value &&
      kind.local.family === desired.local.family
    );
  return kind.kind === desired.kind;
}

/** What is absent in the desired link may be anything. */
function sameSettings(observed: ObservedLink | undefined, desired: OwnedLink): boolean {
  if (observed === undefined) return false;
  const { port } = desired;
  return (
    observed.mtu === desired.mtu &&
    observed.up === desired.up &&
    observed.master === desired.master &&
    (desired.alias === undefined || observed.alias === desired.alias) &&
    (desired.mac === undefined || observed.mac === desired.mac) &&
    (port === undefined ||
      (observed.port?.hairpin === port.hairpin &&
        observed.port.isolated === port.isolated &&
        observed.port.learning === port.learning))
  );
}

/** What is left once the kernel has dropped these devices with all their rows. */
function withoutDevices(network: ObservedNetwork, devices: ReadonlySet<string>): ObservedNetwork {
  if (devices.size === 0) return network;
  const stays = ({ device }: { readonly device: string }) => !devices.has(device);
  return {
    ...network,
    addresses: network.addresses.filter(stays),
    routes: network.routes.filter((route) => !usesDevice(route, devices)),
    neighbours: network.neighbours.filter(stays),
    forwarding: network.forwarding.filter(stays),
    queueDisciplines: network.queueDisciplines.filter(stays),
  };
}

function usesDevice({ nextHops }: Route, devices: ReadonlySet<string>): boolean {
  return devices.size > 0 && nextHops.some(({ device }) => device !== undefined && devices.has(device));
}

/** Routes to what is on the link stand before those whose gateway they reach. */
function gatewaysLast(routes: readonly Route[]): readonly Route[] {
  const viaGateway = ({ nextHops }: Route) => nextHops.some(({ gateway }) => gateway !== undefined);
  return [...routes.filter((route) => !viaGateway(route)), ...routes.filter(viaGateway)];
}

/** The settings of a device that is made anew are the defaults again. */
function diffSysctls(
  current: readonly SysctlSetting[],
  desired: readonly SysctlSetting[],
  recreated: ReadonlySet<string>,
): readonly SysctlSetting[] {
  const present = new Map(current.map(({ key, value }) => [key, value]));
  return desired.filter(({ key, value }) => present.get(key) !== value || recreated.has(deviceOfSysctl(key) ?? ''));
}
