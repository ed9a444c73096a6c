/**
 * A runtime that goes mad, run on a host of a lab: adds and deletes containers by the network configuration that it finds,
 * several at once, forgets to delete some, and kills the agent again and again. Then it accounts for every address.
 *
 *     node test/lab/cni-churn.ts OPERATIONS
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChainCache } from '../../src/cni/chain-cache.ts';
import { parseNetworkList } from '../../src/cni/network-list.ts';
import { type ChainAttachment, type ChainRuntime, runPluginChain } from '../../src/cni/plugin-chain.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import { createNamedNamespace, NetworkNamespace, removeNamedNamespace } from '../../src/kernel/network-namespace.ts';
import { readLinks } from '../../src/kernel/rtnetlink/link-table.ts';

const CONFIGURATION = '/etc/cni/net.d/10-flatnet.conflist';
const RESERVATIONS = '/var/lib/cni/networks/flatnet';
const ATTACHMENTS = '/var/lib/flatnet/attachments';
const WORKERS = 6;
const MOST_CONTAINERS = 60;
/** Operations from one death of the agent to the next, on average. */
const LIFETIME = 150;
const SETTLE_DEADLINE = 180_000;

interface Container {
  readonly attachment: Required<Pick<ChainAttachment, 'containerId' | 'interfaceName' | 'namespacePath'>>;
  readonly addresses: readonly string[];
}

const runtime: ChainRuntime = {
  list: parseNetworkList(readFileSync(CONFIGURATION, 'utf8'), CONFIGURATION),
  pluginDirectories: ['/opt/cni/bin'],
  cache: new ChainCache('/var/lib/cni'),
};
const living = new Map<string, Container>();
const count = { added: 0, refused: 0, deleted: 0, forgotten: 0, kills: 0 };
let next = 0;

async function addContainer(): Promise<void> {
  const containerId = `churn${next++}`;
  const namespacePath = `/run/netns/${containerId}`;
  const attachment = { containerId, interfaceName: 'eth0', namespacePath };
  createNamedNamespace(namespacePath).close();
  try {
    const result = await runPluginChain({ command: 'ADD', attachment }, runtime);
    const addresses = result.ips.map(({ address }) => address.split('/')[0] ?? '');
    for (const other of living.values())
      for (const address of addresses)
        assert.ok(!other.addresses.includes(address), `${address} was given to ${containerId} and is another's`);
    living.set(containerId, { attachment, addresses });
    count.added++;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    count.refused++;
    await deleteAttachment(attachment);
    removeNamedNamespace(namespacePath);
  }
}

/** As a runtime does: again until it succeeds, and once more without the namespace. */
async function deleteAttachment({ containerId, interfaceName, namespacePath }: Container['attachment']): Promise<void> {
  for (const attachment of [
    { containerId, interfaceName, namespacePath },
    { containerId, interfaceName },
  ])
    for (;;)
      try {
        await runPluginChain({ command: 'DEL', attachment }, runtime);
        break;
      } catch {
        await sleep(20);
      }
}

async function removeContainer({ attachment }: Container, forget: boolean): Promise<void> {
  living.delete(attachment.containerId);
  if (forget) count.forgotten++;
  else {
    await deleteAttachment(attachment);
    count.deleted++;
  }
  removeNamedNamespace(attachment.namespacePath);
}

/** The agent of this host: the one in this network namespace. */
function findAgent(): number | undefined {
  const own = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .find((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const isAgent = words[0] === 'flatnet-agent' || (words.includes('agent') && words.includes('--config'));
        return isAgent && readlinkSync(`/proc/${pid}/ns/net`) === own;
      } catch {
        return false;
      }
    });
}

function killAgent(): void {
  const agent = findAgent();
  if (agent === undefined) return;
  try {
    process.kill(agent, 'SIGKILL');
    count.kills++;
  } catch {
    // another worker has killed it
  }
}

async function work(operations: { left: number }): Promise<void> {
  while (operations.left-- > 0) {
    if (Math.random() < 1 / LIFETIME) killAgent();
    const victims = [...living.values()];
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim === undefined || Math.random() * MOST_CONTAINERS > victims.length) await addContainer();
    else await removeContainer(victim, Math.random() < 0.1);
  }
}

/** The names in a folder that tell something. */
function entries(folder: string, pattern: RegExp): string[] {
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .sort();
}

/** What must be so once nothing is under way: what is reserved, attached and linked is what the living containers have. */
function findDifference(): string | undefined {
  const expected = [...living.values()];
  const compare = (what: string, actual: readonly string[], wanted: readonly string[]) =>
    actual.join() === wanted.toSorted().join()
      ? undefined
      : `${what}: ${actual.join()} and not ${wanted.toSorted().join()}`;
  using socket = NetlinkSocket.open('route');
  const links = readLinks(socket).links.filter(({ kind }) => kind.kind === 'veth' && kind.peerNamespace !== undefined);
  return (
    compare(
      'reserved',
      entries(RESERVATIONS, /^(\d+\.|fd)/),
      expected.flatMap(({ addresses }) => addresses),
    ) ??
    compare(
      'attached',
      entries(ATTACHMENTS, /:/),
      expected.map(({ attachment }) => `${attachment.containerId}:eth0.attached`),
    ) ??
    (links.filter(({ name }) => name.startsWith('veth')).length === expected.length
      ? undefined
      : `links: ${links.map(({ name }) => name).join()} for ${expected.length} containers`)
  );
}

async function settle(): Promise<void> {
  const deadline = performance.now() + SETTLE_DEADLINE;
  for (let difference = findDifference(); difference !== undefined; difference = findDifference()) {
    assert.ok(performance.now() < deadline, difference);
    await sleep(100);
  }
}

async function isReady(): Promise<boolean> {
  return await runPluginChain({ command: 'STATUS' }, runtime).then(
    () => true,
    () => false,
  );
}

/** A port that nobody listens on is refused by whoever bears the address. */
async function checkReachable({ attachment, addresses }: Container): Promise<void> {
  using namespace = NetworkNamespace.open(attachment.namespacePath);
  for (const address of addresses) {
    const socket = connect({ host: address, port: 9, timeout: 60_000 });
    const answer = await new Promise((resolve) => {
      socket.once('error', (error) => resolve('code' in error ? error.code : error.message));
      socket.once('timeout', () => resolve('timeout'));
    });
    socket.destroy();
    assert.equal(answer, 'ECONNREFUSED', `${address} answers the host`);
    const route = namespace.run(() => spawnSync('ip', ['route', 'get', address], { encoding: 'utf8' }).stdout);
    assert.match(route, /^local/, `${address} is on ${attachment.containerId} itself`);
  }
}

const operations = { left: Number(process.argv[2]) };
await Promise.all(Array.from({ length: WORKERS }, () => work(operations)));
killAgent();
await settle();
for (const container of living.values()) await checkReachable(container);
while (!(await isReady())) await sleep(100);
for (const container of living.values()) await removeContainer(container, false);
await settle();
console.log(JSON.stringify(count));
