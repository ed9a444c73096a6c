import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseAddress } from '../../src/address/address.ts';
import { defaultPrefix, hostPrefix } from '../../src/address/prefix.ts';
import type { Change, NamespaceChanges } from '../../src/host/change.ts';
import type { OwnedLink } from '../../src/host/owned-state.ts';
import type { Route } from '../../src/host/route.ts';
import { type ChangeContext, type ChangeResult, failureOf } from '../../src/kernel/change-applier.ts';
import { LinkReaper } from '../../src/kernel/link-reaper.ts';
import type { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import {
  createNamedNamespace,
  type NetworkNamespace,
  removeNamedNamespace,
} from '../../src/kernel/network-namespace.ts';
import type { TableChange } from '../../src/netfilter/table-change.ts';
import { newNamespace, routeSocket } from '../namespace.ts';

export const POD = parseAddress('10.244.0.7');
export const POD6 = parseAddress('fd00:10:244::7');
export const GATEWAY = parseAddress('169.254.1.1');
export const GATEWAY6 = parseAddress('fe80::1');
export const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
export const POD_MAC = '0a:58:0a:f4:00:07';

export interface Node {
  readonly host: NetworkNamespace;
  readonly pod: NetworkNamespace;
  readonly podPath: string;
  readonly socket: NetlinkSocket;
  readonly reaper: LinkReaper;
  readonly tables: TableChange[];
  readonly context: ChangeContext;
}

export async function newNode(t: TestContext): Promise<Node> {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-applier-'));
  const host = newNamespace(t);
  const socket = routeSocket(t, host);
  const podPath = path.join(directory, 'pod');
  const pod = createNamedNamespace(podPath);
  const reaper = await LinkReaper.open({ namespace: host, delay: 0, onError: (error) => assert.fail(String(error)) });
  t.after(async () => {
    await reaper.close();
    pod.close();
    removeNamedNamespace(podPath);
    rmSync(directory, { recursive: true });
  });
  const tables: TableChange[] = [];
  const applyTables = (changes: readonly TableChange[]) => void tables.push(...changes);
  return { host, pod, podPath, socket, reaper, tables, context: { socket, namespace: host, reaper, applyTables } };
}

export function veth(podPath: string): OwnedLink {
  return {
    name: 'vethpod7',
    kind: { kind: 'veth', peer: { namespace: podPath, name: 'eth0', mac: POD_MAC } },
    alias: 'flatnet:pod 0123 eth0',
    mac: HOST_MAC,
    mtu: 1450,
    up: true,
  };
}

export function route(destination: Route['destination'], device: string, rest: Partial<Route> = {}): Route {
  return {
    table: 254,
    destination,
    type: 'unicast',
    nextHops: [{ device, weight: 1, onlink: false }],
    metric: destination.address.family === 4 ? 0 : 1024,
    protocol: 102,
    scope: destination.address.family === 4 ? 'link' : 'global',
    ...rest,
  };
}

export function neighbour(device: string, address: typeof POD, mac: string): Change {
  return { kind: 'put-neighbour', neighbour: { device, address, mac, state: 'permanent', protocol: 102 } };
}

/** Point-to-point wiring of one pod in both families. */
export function wiring({ podPath }: Node): readonly NamespaceChanges[] {
  const sysctl = (key: string, value: string): Change => ({ kind: 'set-sysctl', setting: { key, value } });
  const gateway = (address: typeof POD) =>
    route(defaultPrefix(address.family), 'eth0', {
      nextHops: [{ gateway: address, device: 'eth0', weight: 1, onlink: true }],
      scope: 'global',
    });
  return [
    {
      changes: [
        sysctl('net.ipv4.ip_forward', '1'),
        { kind: 'add-link', link: veth(podPath) },
        sysctl('net.ipv6.conf.vethpod7.accept_dad', '0'),
        neighbour('vethpod7', POD, POD_MAC),
        neighbour('vethpod7', POD6, POD_MAC),
        { kind: 'put-route', route: route(hostPrefix(POD), 'vethpod7') },
        { kind: 'put-route', route: route(hostPrefix(POD6), 'vethpod7') },
        { kind: 'change-tables', changes: [] },
      ],
    },
    {
      namespace: podPath,
      changes: [
        sysctl('net.ipv6.conf.eth0.accept_dad', '0'),
        { kind: 'update-link', link: { name: 'eth0', kind: { kind: 'pod-end' }, mac: POD_MAC, mtu: 1450, up: true } },
        ...[POD, POD6].map(
          (address): Change => ({
            kind: 'put-address',
            address: { device: 'eth0', address, length: address.family === 4 ? 32 : 128, scope: 'global', noDad: true },
          }),
        ),
        neighbour('eth0', GATEWAY, HOST_MAC),
        neighbour('eth0', GATEWAY6, HOST_MAC),
        { kind: 'put-route', route: gateway(GATEWAY) },
        { kind: 'put-route', route: gateway(GATEWAY6) },
      ],
    },
  ];
}

/** The message says enough; the error with all its causes would bury it. */
export function assertDone(results: readonly ChangeResult[]): void {
  assert.equal(failureOf('apply changes', results)?.message, undefined);
}

export const codes = (results: readonly ChangeResult[]) => results.map(({ error }) => error?.code);
