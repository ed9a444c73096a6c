import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { setTimeout as nextTurn } from 'node:timers/promises';
import { NetlinkSocket } from '../src/kernel/netlink/netlink-socket.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import { writeSysctl } from '../src/kernel/sysctl.ts';

/** A new network namespace, gone after the test. */
export function newNamespace(t: TestContext): NetworkNamespace {
  const namespace = NetworkNamespace.create();
  t.after(() => namespace.close());
  return namespace;
}

/** A route socket in a namespace, closed after the test. */
export function routeSocket(t: TestContext, namespace: NetworkNamespace): NetlinkSocket {
  const socket = NetlinkSocket.open('route', { namespace });
  t.after(() => socket.close());
  return socket;
}

/** Runs a program in a namespace and returns what it prints; the test fails where the program does. */
export function runIn(namespace: NetworkNamespace, command: string, ...options: string[]): string {
  const result = namespace.run(() => spawnSync(command, options, { encoding: 'utf8' }));
  assert.equal(result.status, 0, `${command} ${options.join(' ')}: ${result.error?.message ?? result.stderr}`);
  return result.stdout;
}

/** Runs lines of iproute2 options (`link add …`), all in one `ip -batch`. */
export function configure(namespace: NetworkNamespace, lines: readonly string[]): void {
  const result = namespace.run(() => spawnSync('ip', ['-batch', '-'], { input: lines.join('\n'), encoding: 'utf8' }));
  assert.equal(result.status, 0, result.error?.message ?? result.stderr);
}

/**
 * Lets a namespace tell of every packet that it refuses. By default it tells one peer once a second, and of all peers so
 * many as a bucket allows that older kernels keep for the whole machine: what else goes on there decides then what a
 * test sees. (No IPv6 error has the type 255, the only one that stays limited.)
 */
export function tellEveryError(namespace: NetworkNamespace): void {
  setSysctls(namespace, { 'net.ipv4.icmp_ratemask': '0', 'net.ipv6.icmp.ratemask': '255' });
}

export function setSysctls(namespace: NetworkNamespace, values: Readonly<Record<string, string>>): void {
  namespace.run(() => {
    for (const [key, value] of Object.entries(values)) writeSysctl(key, value);
  });
}

/** Waits until something is so; the test fails where it isn't within three minutes. */
export async function eventually(what: string, isSo: () => boolean, seconds = 180): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!isSo()) {
    assert.ok(Date.now() < deadline, `not within ${seconds} s: ${what}`);
    await nextTurn();
  }
}

/**
 * Waits until the kernel has done all that it does by itself, in its own time, after links were set up and addresses
 * given: links that carry packets have their multicast routes, and addresses are found to be nobody else's and led to.
 */
export function settled(namespace: NetworkNamespace): Promise<void> {
  return eventually('the kernel has finished what it does by itself', () => {
    const routes = jsonIn(namespace, 'ip', '-6', '-j', 'route', 'show', 'table', 'local');
    const isRouted = (destination: unknown, device: unknown) =>
      routes.some(({ dst, dev }) => dst === destination && dev === device);
    return jsonIn(namespace, 'ip', '-j', 'address', 'show').every(({ ifname, flags, addr_info }) => {
      const has = (flag: string) => (flags as readonly string[]).includes(flag);
      const carries = has('UP') && has('LOWER_UP') && !has('LOOPBACK');
      const addresses = (addr_info as readonly Row[]).filter(({ family }) => family === 'inet6');
      return (
        (!carries || isRouted('ff00::/8', ifname)) &&
        addresses.every(({ local, tentative }) => tentative !== true && isRouted(local, ifname))
      );
    });
  });
}

/** What `ip -j` or `bridge -j` prints, decoded. */
export function jsonIn(namespace: NetworkNamespace, command: string, ...options: string[]): readonly Row[] {
  const text = runIn(namespace, command, ...options);
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** A row of iproute2's JSON. */
export type Row = Readonly<Record<string, unknown>>;
