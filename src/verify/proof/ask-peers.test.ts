import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../../address/address.ts';
import { holds } from '../model/bounds.ts';
import { formatPacket } from '../model/packet.ts';
import { tripsOf } from '../model/round-trip.ts';
import { SiteMap } from '../model/site.ts';
import { Walk } from '../model/walk.ts';
import { arbitraryFaults } from './arbitrary.ts';
import { type AskSetting, askPeers, type Finding } from './ask-peers.ts';
import { groupPeers } from './group-peers.ts';
import { type Answer, judgeTrips } from './judge-trips.ts';
import { Landmarks } from './landmarks.ts';
import { findParticipants, type Participant } from './participant.ts';
import { addressIn } from './peers.ts';
import { packetAt, protocolsOf, selectedSource } from './question.ts';
import { Unasked } from './unasked.ts';

const INTERESTING_PORTS = [1n, 22n, 53n, 79n, 80n, 81n, 1000n, 1500n, 1999n, 2000n, 8080n, 40000n, 65535n];

const arbitraryPort = fc.oneof(fc.constantFrom(...INTERESTING_PORTS), fc.bigInt({ min: 1n, max: 65535n }));

/** Which of a cluster's packets to look at. */
const arbitraryPacket = fc.record({
  from: fc.nat(),
  to: fc.nat(),
  protocol: fc.nat(3),
  sourcePort: arbitraryPort,
  destinationPort: arbitraryPort,
});

function textOf(answer: Answer | undefined): string {
  if (answer === undefined) return 'never arrives';
  return answer.kind === 'broken' ? answer.breach : answer.kind;
}

function isAbout(finding: Finding, from: Participant, to: Participant, point: Parameters<typeof packetAt>[0]): boolean {
  const { box, senders, receivers } = finding;
  return (
    senders.includes(from) &&
    receivers.includes(to) &&
    holds(box.protocol, point.protocol) &&
    holds(box.sourcePort, point.sourcePort) &&
    holds(box.destinationPort, point.destinationPort)
  );
}

describe('askPeers', () => {
  it('says of every packet what walking that very packet says', () => {
    fc.assert(
      fc.property(arbitraryFaults, fc.array(arbitraryPacket, { minLength: 30, maxLength: 30 }), (cluster, packets) => {
        const map = new SiteMap(cluster.hosts, cluster.fabric);
        const walk = new Walk(map);
        const { all } = findParticipants(map, undefined);
        const { groups, own } = groupPeers(all, map);
        const setting: AskSetting = {
          walk,
          landmarks: new Landmarks(own),
          withSctp: true,
          unasked: () => new Unasked(),
          pardon: () => undefined,
        };
        const groupOf = (one: Participant) => groups.find(({ members }) => members.includes(one)) ?? assert.fail();
        const known = new Map<string, readonly Finding[]>();
        for (const { from: sender, to: receiver, protocol, ...ports } of packets) {
          const from = all[sender % all.length] ?? assert.fail();
          const to = all[receiver % all.length] ?? assert.fail();
          if (from === to || (from.kind === 'node' && to.kind === 'node')) continue;
          const key = `${groups.indexOf(groupOf(from))} ${groups.indexOf(groupOf(to))}`;
          const findings = known.get(key) ?? [...askPeers(setting, groupOf(from), groupOf(to))];
          known.set(key, findings);
          for (const target of to.addresses) {
            const { family } = target;
            const numbers = protocolsOf(family, true);
            const number = numbers[protocol % numbers.length] ?? assert.fail();
            const address = addressIn(from, family) ?? assert.fail();
            const source = from.kind === 'node' ? 0n : address.value;
            const point = { protocol: number, ...ports, source, destination: target.value };
            const packet = packetAt(point, family);
            const sent = { ...packet, source: selectedSource(from.site, target) ?? address };
            const judged = judgeTrips(from, to, sent, tripsOf(walk, from.site, sent));
            const about = findings.filter((finding) => finding.family === family && isAbout(finding, from, to, point));
            assert.equal(about.length, 1, `${formatPacket(sent)} is told of ${about.length} times`);
            const [finding] = about;
            const told = `${textOf(finding?.reach)}, ${textOf(finding?.identity)}`;
            const walked = `${textOf(judged.reach)}, ${textOf(judged.identity)}`;
            const like = finding === undefined ? '' : formatPacket(finding.sent);
            assert.equal(told, walked, `${formatPacket(sent)} to ${formatAddress(target)}, told from ${like}`);
          }
        }
      }),
      { numRuns: 40 },
    );
  });
});
