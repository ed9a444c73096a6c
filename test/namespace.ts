import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { NetlinkSocket } from '../src/kernel/netlink/netlink-socket.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';

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

/** What `ip -j` or `bridge -j` prints, decoded. */
export function jsonIn(namespace: NetworkNamespace, command: string, ...options: string[]): readonly Row[] {
  const text = runIn(namespace, command, ...options);
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** A row of iproute2's JSON. */
export type Row = Readonly<Record<string, unknown>>;
