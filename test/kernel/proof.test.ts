import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Address, formatAddress, sameAddress } from '../../src/address/address.ts';
import { PROTOCOL_NUMBERS } from '../../src/address/protocol.ts';
import type { ProbeOutcome, ProbeProtocol } from '../../src/probe/probe-outcome.ts';
import { ProbeServer } from '../../src/probe/probe-server.ts';
import { Prober } from '../../src/probe/prober.ts';
import { SocketPoller } from '../../src/probe/socket/socket-poller.ts';
import { holds } from '../../src/verify/model/bounds.ts';
import { askPeers, type Finding } from '../../src/verify/proof/ask-peers.ts';
import { addressIn } from '../../src/verify/proof/peers.ts';
import { areJudged, proofScene, proveRules } from '../../src/verify/proof/prove-rules.ts';
import { selectedSource } from '../../src/verify/proof/question.ts';
import { configure, runIn, setSysctls } from '../namespace.ts';
import { collectedHosts, type End, endsOf } from './collected-hosts.ts';
import { NFT_MISSING } from './nft-program.ts';
import { cluster, missing } from './planned-cluster.ts';
import { type KernelHost, loadRules } from './planned-network.ts';

const MISSING = missing(['busybox', 'bridge', 'tc', 'sysctl']) || NFT_MISSING;

/** The ports that everybody listens on: inside the ranges that rules below speak of, and outside of them. */
const PORTS = [1500, 3000];
const EPHEMERAL = 40000n;
/** Milliseconds that an answer may take on a busy machine, a packet whose answer is lost, and one that is lost itself. */
const PATIENCE = 30_000;
const LOSS = 10_000;
const SILENCE = 1_500;

/** What a packet is asked about. */
interface Question {
  readonly from: End;
  readonly to: End;
  readonly target: Address;
  readonly protocol: ProbeProtocol;
  readonly port: number;
  /** Absent: the source that the kernel selects. */
  readonly source?: Address;
}

function questions(ends: readonly End[]): readonly Question[] {
  return ends.flatMap((from) =>
    ends.flatMap((to) => {
      const isNode = from.name.startsWith('node/');
      if (from === to || (isNode && to.name.startsWith('node/'))) return [];
      return to.addresses.flatMap((target) =>
        PORTS.flatMap((port) =>
          (['tcp', 'udp'] as const).flatMap((protocol): readonly Question[] => {
            const own = isNode ? from.addresses.find(({ family }) => family === target.family) : undefined;
            const question = { from, to, target, protocol, port };
            return own === undefined ? [question] : [question, { ...question, source: own }];
          }),
        ),
      );
    }),
  );
}

/** What the proof says of a packet. */
function told(findings: readonly Finding[], question: Question): string {
  const { from, to, target, protocol, port, source } = question;
  const about = findings.filter(({ box, senders, receivers, sent, family }) => {
    const sender = senders.find(({ site }) => site.name === from.name);
    if (sender === undefined || !receivers.some(({ site }) => site.name === to.name)) return false;
    const spoken = source ?? selectedSource(sender.site, target) ?? addressIn(sender, target.family);
    return (
      family === target.family &&
      (sender.kind === 'pod' || (spoken !== undefined && sameAddress(sent.source, spoken))) &&
      holds(box.protocol, BigInt(PROTOCOL_NUMBERS[protocol])) &&
      holds(box.destinationPort, BigInt(port)) &&
      holds(box.sourcePort, EPHEMERAL)
    );
  });
  const [finding] = about;
  assert.equal(about.length, 1, `${textOf(question)} is told of ${about.length} times`);
  assert.ok(finding !== undefined);
  if (finding.reach.kind === 'unknown') return finding.reach.doubts.map(({ what }) => what).join();
  if (finding.reach.kind === 'holds') return 'holds';
  const { breach } = finding.reach;
  // a TCP connection whose first answer is lost never comes to anybody's notice
  if (breach === 'answer-lost' && protocol === 'tcp') return 'lost';
  return breach === 'dropped' || breach === 'rejected' || breach === 'no-route' ? 'lost' : breach;
}

/** What the kernel made of it. */
function happened({ to, target }: Question, outcome: ProbeOutcome): string {
  if (outcome.kind === 'failed') {
    if (outcome.arrival === undefined) return 'lost';
    return outcome.arrival.by === to.name ? 'answer-lost' : 'misdelivered';
  }
  const { reply, sentFrom, replyFrom } = outcome;
  if (reply.by !== to.name) return 'misdelivered';
  if (!sameAddress(reply.source.address, sentFrom)) return 'source-translated';
  if (!sameAddress(reply.destination.address, target)) return 'destination-translated';
  return sameAddress(replyFrom.address, target) ? 'holds' : 'answer-translated';
}

function textOf({ from, to, target, protocol, port, source }: Question): string {
  const spoken = source === undefined ? '' : ` as ${formatAddress(source)}`;
  return `${protocol} ${from.name}${spoken} → ${to.name} ${formatAddress(target)}:${port}`;
}

/** Holds what the proof says of every pair against what the kernel does with real packets; gives how many fared how. */
async function compare(hosts: readonly KernelHost[]): Promise<ReadonlyMap<string, number>> {
  const { groups, setting } = proofScene(collectedHosts(hosts), {});
  const findings = groups.flatMap((from) =>
    groups.flatMap((to) => (areJudged(from, to) ? [...askPeers(setting, from, to)] : [])),
  );
  const ends = endsOf(hosts);
  using poller = new SocketPoller();
  using prober = new Prober(poller);
  using server = new ProbeServer(poller, { onArrival: (arrival) => prober.noteArrival(arrival) });
  for (const { namespace, name } of ends) for (const port of PORTS) server.listen(namespace, name, port);
  const counts = new Map<string, number>();
  await Promise.all(
    questions(ends).map(async (question) => {
      const { from, target, protocol, port, source } = question;
      const expected = told(findings, question);
      const outcome = await prober.probe({
        namespace: from.namespace,
        to: { address: target, port },
        protocol,
        timeout: expected === 'lost' ? SILENCE : expected === 'answer-lost' ? LOSS : PATIENCE,
        ...(source !== undefined && { source }),
      });
      const seen = happened(question, outcome);
      assert.equal(expected, seen, `${textOf(question)}: ${JSON.stringify(outcome, bigints)}`);
      counts.set(seen, (counts.get(seen) ?? 0) + 1);
    }),
  );
  return counts;
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function inForward(rules: string): string {
  return `table inet other { chain f { type filter hook forward priority 10; ${rules} }; }`;
}

interface PlantedFault {
  readonly plant: (host: KernelHost) => void;
  /** How some packets must fare. */
  readonly fares: string;
}

const FAULTS: Readonly<Record<string, PlantedFault>> = {
  'a range of ports that is dropped': {
    plant: ({ namespace }) => loadRules(namespace, inForward('tcp dport 1000-1999 drop;')),
    fares: 'lost',
  },
  'answers from a port that are dropped': {
    plant: ({ namespace }) => loadRules(namespace, inForward('udp sport 1500 drop;')),
    fares: 'answer-lost',
  },
  'one port of one pod that is refused': {
    plant: ({ namespace }) =>
      loadRules(namespace, inForward('ip daddr 10.244.1.3 tcp dport 3000 reject with tcp reset;')),
    fares: 'lost',
  },
  'a set of pods and ports that is dropped': {
    plant: ({ namespace }) =>
      loadRules(
        namespace,
        inForward(
          'ip daddr . meta l4proto . th dport { 10.244.1.2 . udp . 1500, 10.244.0.3 . tcp . 3000, 10.244.0.2 . tcp . 2000-2999 } drop;',
        ),
      ),
    fares: 'lost',
  },
  'masquerade of one port': {
    plant: ({ namespace }) =>
      loadRules(
        namespace,
        'table ip other { chain p { type nat hook postrouting priority srcnat - 5; tcp dport 3000 masquerade; }; }',
      ),
    fares: 'source-translated',
  },
  'one pod whose packets another gets': {
    plant: ({ namespace }) =>
      loadRules(
        namespace,
        'table ip other { chain p { type nat hook prerouting priority dstnat - 5; ip daddr 10.244.1.2 tcp dport 1500 dnat to 10.244.0.3; }; }',
      ),
    fares: 'misdelivered',
  },
  'a route to one pod lost': {
    plant: ({ namespace }) => configure(namespace, ['route del 10.244.0.3/32']),
    fares: 'lost',
  },
  'a neighbour entry of one pod that is stale': {
    plant: ({ namespace, pods }) => {
      const link = pods[0]?.attachment.hostLink ?? assert.fail();
      runIn(
        namespace,
        'ip',
        ...`neigh replace 10.244.0.2 lladdr 02:00:00:00:99:99 dev ${link} nud permanent`.split(' '),
      );
    },
    fares: 'lost',
  },
  'forwarding switched off': {
    plant: ({ namespace }) => setSysctls(namespace, { 'net.ipv4.ip_forward': '0' }),
    fares: 'lost',
  },
};

describe('the proof and the kernel agree on every pair', { skip: MISSING }, () => {
  for (const wiring of ['point-to-point', 'bridge'] as const)
    it(`of a cluster that keeps the rules, ${wiring}`, async (t) => {
      const { hosts } = await cluster(t, 'auto', [1, 2], wiring);
      assert.deepEqual([...(await compare(hosts)).keys()], ['holds']);
      const { verdict, rules } = proveRules(collectedHosts(hosts));
      assert.deepEqual([verdict, ...rules.map(({ checked }) => checked)], ['holds', 12, 16, 28]);
    });

  for (const [name, { plant, fares }] of Object.entries(FAULTS))
    it(`with ${name}`, async (t: TestContext) => {
      const { hosts } = await cluster(t, 'vxlan', [1, 2], 'point-to-point');
      const [first] = hosts;
      assert.ok(first !== undefined);
      plant(first);
      const counts = await compare(hosts);
      assert.ok(counts.has(fares) && counts.has('holds'), [...counts].join());
      assert.equal(proveRules(collectedHosts(hosts)).verdict, 'violated');
    });
});
