import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { type Address, formatAddress, parseAddress } from '../../src/address/address.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { type MatrixResult, type Participant, probeMatrix } from '../../src/probe/matrix.ts';
import type { ProbeOutcome } from '../../src/probe/probe-outcome.ts';
import { ProbeServer } from '../../src/probe/probe-server.ts';
import { Prober } from '../../src/probe/prober.ts';
import { SocketPoller } from '../../src/probe/socket/socket-poller.ts';
import { newNamespace, runIn, settled, tellEveryError } from '../namespace.ts';

/** Milliseconds that an answer may take on a busy machine. */
const PATIENCE = 30_000;

function ip(namespace: NetworkNamespace, ...lines: string[]): void {
  for (const line of lines) runIn(namespace, 'ip', ...line.split(' '));
}

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
}

interface End extends Participant {
  readonly namespace: NetworkNamespace;
}

interface Site {
  readonly router: NetworkNamespace;
  readonly ends: readonly End[];
}

/** Namespaces around a router, each on a subnet of its own of both families. */
async function buildSite(t: TestContext, count: number): Promise<Site> {
  const router = newNamespace(t);
  tellEveryError(router);
  ip(router, 'link set lo up');
  // Link-local addresses that are still being checked for duplicates can't look for neighbours.
  runIn(router, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
  runIn(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  const ends = Array.from({ length: count }, (_, index): End => {
    const end = newNamespace(t);
    tellEveryError(end);
    runIn(end, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0');
    ip(
      router,
      `link add v${index} type veth peer name eth0 netns /proc/${process.pid}/fd/${end.fd}`,
      `link set v${index} up`,
      `addr add 10.0.${index}.1/24 dev v${index}`,
      `addr add fd00:0:0:${index}::1/64 dev v${index} nodad`,
    );
    ip(
      end,
      'link set lo up',
      'link set eth0 up',
      `addr add 10.0.${index}.2/24 dev eth0`,
      `addr add fd00:0:0:${index}::2/64 dev eth0 nodad`,
      `route add default via 10.0.${index}.1`,
      `-6 route add default via fd00:0:0:${index}::1`,
    );
    const addresses = [parseAddress(`10.0.${index}.2`), parseAddress(`fd00:0:0:${index}::2`)];
    return { kind: 'pod', id: `pod/default/p${index}`, namespace: end, addresses };
  });
  for (const namespace of [router, ...ends.map((one) => one.namespace)]) await settled(namespace);
  return { router, ends };
}

function end(site: Site, index: number): End {
  const one = site.ends[index];
  assert.ok(one);
  return one;
}

function summarise(outcome: ProbeOutcome): string {
  if (outcome.kind === 'failed') return outcome.reason;
  const { reply, sentFrom, replyFrom } = outcome;
  const text = (address: Address) => formatAddress(address);
  return [
    `${text(sentFrom)} seen as ${text(reply.source.address)}`,
    `at ${text(reply.destination.address)} by ${reply.by}`,
    `answered from ${text(replyFrom.address)}`,
  ].join(', ');
}

async function matrixOf(site: Site): Promise<MatrixResult[]> {
  return await collect(probeMatrix({ participants: site.ends, timeout: PATIENCE }));
}

function hasProgram(name: string): boolean {
  return spawnSync(name, ['--version']).error === undefined;
}

describe('probes', () => {
  it('reach every participant over both protocols and families, with the addresses that both ends know', async (t) => {
    const site = await buildSite(t, 4);
    const results = await matrixOf(site);
    assert.equal(results.length, 4 * 3 * 2 * 2);
    for (const { probe, outcome } of results) {
      const own = probe.from.addresses.find(({ family }) => family === probe.target.family);
      assert.ok(own);
      const [sender, target] = [formatAddress(own), formatAddress(probe.target)];
      assert.equal(
        summarise(outcome),
        `${sender} seen as ${sender}, at ${target} by ${probe.to.id}, answered from ${target}`,
      );
    }
  });

  it('tell progress up to the total', async (t) => {
    const site = await buildSite(t, 2);
    const seen: string[] = [];
    const options = {
      participants: site.ends,
      onProgress: (p: { done: number; total: number }) => seen.push(`${p.done}/${p.total}`),
    };
    await collect(probeMatrix(options));
    assert.equal(seen.at(-1), '8/8');
  });

  it('show the address that masquerading put in place of the sender', {
    skip: hasProgram('nft') ? false : 'nft is not installed',
  }, async (t) => {
    const site = await buildSite(t, 2);
    runIn(site.router, 'nft', 'add table ip t; add chain ip t post { type nat hook postrouting priority 100; }');
    runIn(site.router, 'nft', 'add rule ip t post oifname v1 masquerade');
    const masqueraded = (await matrixOf(site)).filter(
      ({ probe }) => probe.to === end(site, 1) && probe.target.family === 4,
    );
    assert.equal(masqueraded.length, 2);
    for (const { outcome } of masqueraded)
      assert.equal(
        summarise(outcome),
        '10.0.0.2 seen as 10.0.1.1, at 10.0.1.2 by pod/default/p1, answered from 10.0.1.2',
      );
  });

  it('show who got what was meant for another', {
    skip: hasProgram('nft') ? false : 'nft is not installed',
  }, async (t) => {
    const site = await buildSite(t, 3);
    runIn(site.router, 'nft', 'add table ip t; add chain ip t pre { type nat hook prerouting priority -100; }');
    runIn(site.router, 'nft', 'add rule ip t pre iifname v0 ip daddr 10.0.1.2 dnat to 10.0.2.2');
    using poller = new SocketPoller();
    using prober = new Prober(poller);
    using server = new ProbeServer(poller);
    for (const one of site.ends) server.listen(one.namespace, one.id, 9000);
    for (const protocol of ['tcp', 'udp'] as const) {
      const to = { address: parseAddress('10.0.1.2'), port: 9000 };
      const request = { namespace: end(site, 0).namespace, to, protocol, timeout: PATIENCE };
      const outcome = await prober.probe(request);
      assert.equal(
        summarise(outcome),
        '10.0.0.2 seen as 10.0.0.2, at 10.0.2.2 by pod/default/p2, answered from 10.0.1.2',
      );
    }
  });

  it('name the reason where they fail', async (t) => {
    const site = await buildSite(t, 2);
    ip(
      site.router,
      'route add blackhole 10.9.0.0/16',
      'route add unreachable 10.8.0.0/16',
      'route add prohibit 10.7.0.0/16',
    );
    using poller = new SocketPoller();
    using prober = new Prober(poller);
    const { namespace } = end(site, 0);
    const reasons = async (address: string, timeout: number, source?: string) => {
      const request = { namespace, to: { address: parseAddress(address), port: 9 }, timeout };
      const from = source === undefined ? {} : { source: parseAddress(source) };
      const outcomes = (['tcp', 'udp'] as const).map((protocol) => prober.probe({ ...request, ...from, protocol }));
      return (await Promise.all(outcomes)).map(summarise);
    };
    assert.deepEqual(await reasons('10.0.1.2', PATIENCE), ['refused', 'refused']);
    assert.deepEqual(await reasons('fd00:0:0:1::2', PATIENCE), ['refused', 'refused']);
    assert.deepEqual(await reasons('10.9.0.1', 300), ['timeout', 'timeout']);
    assert.deepEqual(await reasons('10.8.0.1', PATIENCE), ['unreachable', 'unreachable']);
    assert.deepEqual(await reasons('10.0.1.2', PATIENCE, '10.0.1.77'), ['source-not-local', 'source-not-local']);
    assert.deepEqual(await reasons('fd00:0:0:1::2', PATIENCE, 'fd00:0:0:9::2'), [
      'source-not-local',
      'source-not-local',
    ]);
  });

  it('tell a lost answer from a lost probe', {
    skip: hasProgram('nft') ? false : 'nft is not installed',
  }, async (t) => {
    const site = await buildSite(t, 2);
    runIn(site.router, 'nft', 'add table ip t; add chain ip t transit { type filter hook forward priority 0; }');
    runIn(site.router, 'nft', 'add rule ip t transit iifname v1 udp sport 9000 drop');
    using poller = new SocketPoller();
    using prober = new Prober(poller);
    using server = new ProbeServer(poller, { onArrival: (arrival) => prober.noteArrival(arrival) });
    server.listen(end(site, 1).namespace, end(site, 1).id, 9000);
    const request = { namespace: end(site, 0).namespace, to: { address: parseAddress('10.0.1.2'), port: 9000 } };
    // the neighbours on the way have found each other then
    const stream = await prober.probe({ ...request, protocol: 'tcp', timeout: PATIENCE });
    assert.equal(stream.kind, 'delivered');
    const outcome = await prober.probe({ ...request, protocol: 'udp', timeout: 3000 });
    assert.equal(outcome.kind, 'failed');
    assert.equal(outcome.reason, 'timeout');
    assert.equal(outcome.arrival?.by, 'pod/default/p1');
    assert.equal(outcome.arrival && formatAddress(outcome.arrival.source.address), '10.0.0.2');
  });

  it('end when asked to', async (t) => {
    const site = await buildSite(t, 2);
    ip(site.router, 'link set v1 down');
    const controller = new AbortController();
    const matrix = probeMatrix({ participants: site.ends, timeout: 600_000, signal: controller.signal });
    const all = collect(matrix);
    // All probes are on their way by now, and none has had the time to come to an end.
    controller.abort();
    await assert.rejects(all, { name: 'AbortError' });
  });
});
