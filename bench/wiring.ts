/**
 * How long the kernel's part of wiring a pod takes, point to point, and of taking it out of use: in namespaces of its
 * own, prints microseconds.
 *
 *     unshare --net --mount --pid --fork --kill-child --mount-proc node bench/wiring.ts
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Address, parseAddress } from '../src/address/address.ts';
import { defaultPrefix, hostPrefix } from '../src/address/prefix.ts';
import type { NamespaceChanges } from '../src/host/change.ts';
import type { Route } from '../src/host/route.ts';
import { applyChanges, type ChangeContext, failureOf } from '../src/kernel/change-applier.ts';
import { LinkReaper } from '../src/kernel/link-reaper.ts';
import { NetlinkSocket } from '../src/kernel/netlink/netlink-socket.ts';
import { createNamedNamespace, removeNamedNamespace } from '../src/kernel/network-namespace.ts';
import { readNetworkState } from '../src/kernel/network-state-reader.ts';
import { retirePodInterface } from '../src/kernel/pod-interface.ts';

const ROUNDS = 200;
const GATEWAY = parseAddress('169.254.1.1');
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';

function microseconds(since: bigint): number {
  return Number(process.hrtime.bigint() - since) / 1000;
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  console.log(`${what.padEnd(44)} median ${at(0.5)}  minimum ${at(0)}  p95 ${at(0.95)} µs`);
}

function wiring(number: number, namespace: string): readonly NamespaceChanges[] {
  const pod: Address = { family: 4, value: 0x0af4_0000n + BigInt(number) };
  const mac = `0a:58:0a:f4:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
  const name = `bench${number}`;
  const route = (
    destination: Route['destination'],
    nextHop: Route['nextHops'][number],
    scope: Route['scope'],
  ): Route => ({
    table: 254,
    destination,
    type: 'unicast',
    nextHops: [nextHop],
    metric: 0,
    protocol: 102,
    scope,
  });
  return [
    {
      changes: [
        {
          kind: 'add-link',
          link: {
            name,
            kind: { kind: 'veth', peer: { namespace, name: 'eth0', mac } },
            alias: `flatnet:pod ${number} eth0`,
            mac: HOST_MAC,
            mtu: 1450,
            up: true,
          },
        },
        { kind: 'set-sysctl', setting: { key: `net.ipv6.conf.${name}.accept_dad`, value: '0' } },
        { kind: 'put-neighbour', neighbour: { device: name, address: pod, mac, state: 'permanent', protocol: 102 } },
        { kind: 'put-route', route: route(hostPrefix(pod), { device: name, weight: 1, onlink: false }, 'link') },
      ],
    },
    {
      namespace,
      changes: [
        { kind: 'update-link', link: { name: 'eth0', kind: { kind: 'pod-end' }, mac, mtu: 1450, up: true } },
        { kind: 'put-address', address: { device: 'eth0', address: pod, length: 32, scope: 'global', noDad: true } },
        {
          kind: 'put-neighbour',
          neighbour: { device: 'eth0', address: GATEWAY, mac: HOST_MAC, state: 'permanent', protocol: 102 },
        },
        {
          kind: 'put-route',
          route: route(defaultPrefix(4), { gateway: GATEWAY, device: 'eth0', weight: 1, onlink: true }, 'global'),
        },
      ],
    },
  ];
}

const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-bench-'));
using socket = NetlinkSocket.open('route');
const reaper = await LinkReaper.open();
const context: ChangeContext = { socket, reaper, applyTables: () => undefined };
const times: Record<'wire' | 'retire' | 'remove', number[]> = { wire: [], retire: [], remove: [] };
const paths = Array.from({ length: ROUNDS }, (_, index) => path.join(directory, `pod${index}`));
for (const file of paths) createNamedNamespace(file).close();
for (const [number, file] of paths.entries()) {
  const start = process.hrtime.bigint();
  const results = await applyChanges(wiring(number, file), context);
  times.wire.push(microseconds(start));
  const failure = failureOf('wire', results);
  if (failure !== undefined) throw failure;
}
const readings: number[] = [];
for (let round = 0; round < 20; round++) {
  const start = process.hrtime.bigint();
  readNetworkState(socket, { sysctls: [], routes: { protocol: 102 } });
  readings.push(microseconds(start));
}
for (const [number, file] of paths.entries()) {
  const start = process.hrtime.bigint();
  retirePodInterface(file, 'eth0');
  times.retire.push(microseconds(start));
  const removal = process.hrtime.bigint();
  await applyChanges([{ changes: [{ kind: 'remove-link', name: `bench${number}` }] }], context);
  times.remove.push(microseconds(removal));
}
const start = process.hrtime.bigint();
await reaper.close();
report('wire a pod, point to point', times.wire);
report('take its interface out of use', times.retire);
report('hand its link over for removal', times.remove);
report(`read the state of a host of ${ROUNDS} pods`, readings);
report('remove what is left', [microseconds(start)]);
for (const file of paths) removeNamedNamespace(file);
rmSync(directory, { recursive: true });
