import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { formatReport } from '../verify/format-report.ts';
import { exitCodeOf, type RuleName, type VerifyReport } from '../verify/report.ts';
import { MatrixJudge } from './judge-matrix.ts';
import type { MatrixResult, Participant } from './matrix.ts';
import type { ProbeOutcome } from './probe-outcome.ts';

const namespace = { run: <Result>(action: () => Result) => action() };
const participant = (kind: 'pod' | 'node', id: string, ...addresses: string[]): Participant => ({
  kind,
  id,
  namespace,
  addresses: addresses.map(parseAddress),
});
const a = participant('pod', 'pod/default/a', '10.244.1.2', 'fd00::1:2');
const b = participant('pod', 'pod/default/b', '10.244.2.3', 'fd00::2:3');
const node = participant('node', 'node/node-1', '10.0.0.1');

interface Seen {
  readonly by?: Participant;
  readonly source?: string;
  readonly destination?: string;
  readonly replyFrom?: string;
}

/** A delivered probe of `from` to `to`; what isn't said is as it should be. */
function delivered(
  from: Participant,
  to: Participant,
  target: string,
  sentFrom: string,
  seen: Seen = {},
): MatrixResult {
  const at = (text: string, port: number) => ({ address: parseAddress(text), port });
  return {
    probe: { from, to, protocol: 'tcp', target: parseAddress(target) },
    outcome: {
      kind: 'delivered',
      reply: {
        id: 0,
        by: (seen.by ?? to).id,
        source: at(seen.source ?? sentFrom, 40000),
        destination: at(seen.destination ?? target, 9),
      },
      sentFrom: parseAddress(sentFrom),
      replyFrom: at(seen.replyFrom ?? target, 9),
    },
  };
}

function failed(
  from: Participant,
  to: Participant,
  target: string,
  outcome: Omit<ProbeOutcome & { kind: 'failed' }, 'kind'>,
) {
  const probe = { from, to, protocol: 'udp' as const, target: parseAddress(target) };
  return { probe, outcome: { kind: 'failed' as const, ...outcome } };
}

function judge(...results: MatrixResult[]): VerifyReport {
  const matrix = new MatrixJudge();
  for (const result of results) matrix.add(result);
  return matrix.report();
}

const rule = (report: VerifyReport, name: RuleName) => report.rules.find((one) => one.rule === name);
const causes = (report: VerifyReport, name: RuleName) => rule(report, name)?.violations.map(({ cause }) => cause);

describe('judge of live probes', () => {
  it('finds that the rules hold, and counts pairs rather than probes', () => {
    const report = judge(
      delivered(a, b, '10.244.2.3', '10.244.1.2'),
      delivered(a, b, 'fd00::2:3', 'fd00::1:2'),
      delivered(node, a, '10.244.1.2', '10.0.0.1'),
      delivered(a, node, '10.0.0.1', '10.244.1.2'),
    );
    assert.equal(report.verdict, 'holds');
    assert.equal(exitCodeOf(report), 0);
    assert.deepEqual(
      report.rules.map(({ checked }) => checked),
      [1, 2, 3],
    );
  });

  it('finds masquerading, in reachability and in identity', () => {
    const report = judge(delivered(a, b, '10.244.2.3', '10.244.1.2', { source: '10.0.0.1' }));
    assert.equal(exitCodeOf(report), 1);
    assert.match(causes(report, 'pod-to-pod')?.[0] ?? '', /^source translated/);
    assert.match(causes(report, 'same-address')?.[0] ?? '', /^source translated/);
    assert.equal(rule(report, 'node-to-pod')?.verdict, 'holds');
    assert.deepEqual(rule(report, 'pod-to-pod')?.violations[0]?.counterexample, {
      from: 'pod/default/a',
      to: 'pod/default/b',
      packet: 'tcp 10.244.1.2 → 10.244.2.3:9',
      expected: 'the receiver sees 10.244.1.2',
      seen: 'it sees 10.0.0.1',
      hops: [],
    });
  });

  it('holds a node to the source that it used, whichever it was', () => {
    assert.equal(judge(delivered(node, a, '10.244.1.2', '10.244.0.0')).verdict, 'holds');
    assert.equal(judge(delivered(node, a, '10.244.1.2', '10.0.0.1', { source: '10.0.0.9' })).verdict, 'violated');
  });

  it('tells misdelivery to another from misdelivery to the sender itself', () => {
    const report = judge(
      delivered(a, b, '10.244.2.3', '10.244.1.2', { by: a }),
      delivered(b, a, '10.244.1.2', '10.244.2.3', { by: participant('pod', 'pod/default/c') }),
    );
    assert.deepEqual(causes(report, 'pod-to-pod')?.sort(), [
      'misdelivered: another received it',
      'misdelivered: it came back to its sender',
    ]);
    assert.equal(rule(report, 'same-address')?.checked, 0, 'nobody who was meant has seen anything');
  });

  it('tells a lost packet from a lost answer', () => {
    const arrival = {
      id: 1,
      by: b.id,
      source: { address: parseAddress('10.244.1.2'), port: 1 },
      destination: { address: parseAddress('10.244.2.3'), port: 9 },
    };
    const report = judge(
      failed(a, b, '10.244.2.3', { reason: 'timeout', arrival }),
      failed(b, a, '10.244.1.2', { reason: 'timeout' }),
    );
    assert.match(causes(report, 'pod-to-pod')?.join() ?? '', /answer lost/);
    assert.match(causes(report, 'pod-to-pod')?.join() ?? '', /lost: no answer in time/);
    assert.equal(rule(report, 'same-address')?.checked, 1);
  });

  it('counts a pair that is lost in silence only where nobody tells of it', () => {
    const silent = (from: Participant, to: Participant, target: string) =>
      failed(from, to, target, { reason: 'timeout' });
    const told = failed(a, b, '10.244.2.3', { reason: 'unreachable' });
    const counts = (...results: MatrixResult[]) =>
      rule(judge(...results), 'pod-to-pod')?.violations.map(({ cause, pairs }) => [cause.split(':')[0], pairs]);
    assert.deepEqual(counts(silent(a, b, '10.244.2.3'), told), [['unreachable', 1]]);
    assert.deepEqual(counts(told, silent(a, b, '10.244.2.3'), silent(b, a, '10.244.1.2')), [
      ['unreachable', 1],
      ['lost', 1],
    ]);
    assert.deepEqual(counts(told, silent(a, b, 'fd00::2:3')), [
      ['unreachable', 1],
      ['lost', 1],
    ]);
  });

  it('prints a rule a line and each cause with a packet', () => {
    const text = formatReport(judge(delivered(a, b, '10.244.2.3', '10.244.1.2', { source: '10.0.0.1' })));
    assert.match(text, /^✘ pod-to-pod {4}violated {2}1 pair /m);
    assert.match(text, /^ {6}example {6}pod\/default\/a → pod\/default\/b: tcp 10\.244\.1\.2 → 10\.244\.2\.3:9$/m);
    assert.match(text, /^ {6}remedy {7}exempt/m);
  });

  it('names what is known of the nodes where a packet is lost', () => {
    const judge = new MatrixJudge([{ node: 'node-2', what: 'chain FORWARD drops' }]);
    const [from, to] = [
      { ...a, node: 'node-1' },
      { ...b, node: 'node-2' },
    ];
    judge.add(failed(from, to, '10.244.2.3', { reason: 'timeout' }));
    judge.add(failed(from, { ...a, id: 'pod/default/c', node: 'node-1' }, '10.244.1.4', { reason: 'timeout' }));
    const violations = judge.report().rules.find(({ rule }) => rule === 'pod-to-pod')?.violations ?? [];
    assert.deepEqual(
      violations.map(({ responsible }) => responsible),
      ['node-2: chain FORWARD drops', undefined],
    );
  });
});
