/** For tests: holds what a proof says of packets against walks of those very packets. */
import assert from 'node:assert/strict';
import { formatAddress } from '../../address/address.ts';
import { holds } from '../model/bounds.ts';
import { formatPacket, type Packet } from '../model/packet.ts';
import { askPeers, type Finding } from './ask-peers.ts';
import type { Point } from './box.ts';
import { judgePacket } from './judge-packet.ts';
import type { Answer } from './judge-trips.ts';
import type { Participant } from './participant.ts';
import { addressIn, type Peers } from './peers.ts';
import type { ProofScene } from './prove-rules.ts';
import { packetAt, protocolsOf, selectedSource } from './question.ts';

/** One of a cluster's packets: each number is taken as far as it goes. */
export interface PacketChoice {
  readonly from: number;
  readonly to: number;
  readonly protocol: number;
  readonly sourcePort: bigint;
  readonly destinationPort: bigint;
}

/** Fails where the proof tells something else of a packet than walking it does. Gives how many packets fared how. */
export function toldAsWalked(scene: ProofScene, choices: readonly PacketChoice[]): ReadonlyMap<string, number> {
  const { groups } = scene;
  const all = groups.flatMap(({ members }) => members);
  const groupOf = (one: Participant) => groups.find(({ members }) => members.includes(one)) ?? assert.fail();
  // whatever somebody asked for, how packets fare is to be the same
  const setting = { ...scene.setting, pardon: () => undefined };
  const known = new Map<Peers, Map<Peers, readonly Finding[]>>();
  const fares = new Map<string, number>();
  for (const { from: sender, to: receiver, protocol, ...ports } of choices) {
    const from = all[sender % all.length] ?? assert.fail();
    const to = all[receiver % all.length] ?? assert.fail();
    if (from === to || (from.kind === 'node' && to.kind === 'node')) continue;
    const [senders, receivers] = [groupOf(from), groupOf(to)];
    const ofSenders = known.get(senders) ?? new Map<Peers, readonly Finding[]>();
    known.set(senders, ofSenders);
    const findings = ofSenders.get(receivers) ?? [...askPeers(setting, senders, receivers)];
    ofSenders.set(receivers, findings);
    for (const target of to.addresses) {
      const { family } = target;
      const address = addressIn(from, family);
      if (address === undefined) continue;
      const numbers = protocolsOf(family, setting.withSctp);
      const number = numbers[protocol % numbers.length] ?? assert.fail();
      const source = from.kind === 'node' ? 0n : address.value;
      const point: Point = { protocol: number, ...ports, source, destination: target.value };
      if (isUnasked(point, setting.unasked(senders, receivers))) continue;
      const sent: Packet = { ...packetAt(point, family), source: selectedSource(from.site, target) ?? address };
      const judged = judgePacket(setting.walk, from, to, sent);
      const about = findings.filter((finding) => finding.family === family && isAbout(finding, from, to, point));
      // a node speaks from its own address too, where its kernel selects another
      const [finding] = about.filter((one) => from.kind === 'pod' || one.sent.source.value === sent.source.value);
      assert.ok(finding !== undefined, `${formatPacket(sent)} is told of by nobody`);
      assert.ok(from.kind === 'node' || about.length === 1, `${formatPacket(sent)} is told of ${about.length} times`);
      const walked = `${textOf(judged.reach)}, ${textOf(judged.identity)}`;
      assert.equal(
        `${textOf(finding.reach)}, ${textOf(finding.identity)}`,
        walked,
        `${formatPacket(sent)} to ${formatAddress(target)}, told from ${formatPacket(finding.sent)}`,
      );
      fares.set(walked, (fares.get(walked) ?? 0) + 1);
    }
  }
  return fares;
}

function isUnasked(
  { protocol, sourcePort, destinationPort }: Point,
  unasked: ReturnType<ProofScene['setting']['unasked']>,
): boolean {
  return unasked.has('sourcePort', protocol, sourcePort) || unasked.has('destinationPort', protocol, destinationPort);
}

function isAbout({ box, senders, receivers }: Finding, from: Participant, to: Participant, point: Point): boolean {
  return (
    senders.includes(from) &&
    receivers.includes(to) &&
    holds(box.protocol, point.protocol) &&
    holds(box.sourcePort, point.sourcePort) &&
    holds(box.destinationPort, point.destinationPort)
  );
}

function textOf(answer: Answer | undefined): string {
  if (answer === undefined) return 'never arrives';
  return answer.kind === 'broken' ? answer.breach : answer.kind;
}
