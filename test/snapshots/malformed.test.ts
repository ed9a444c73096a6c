import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import { formatCheckSums } from '../../src/host/dump/check-sum.ts';
import type { DumpFile } from '../../src/host/dump/dump-file.ts';
import { parseNetworkState } from '../../src/host/dump/parse-network-state.ts';
import type { NetworkState } from '../../src/host/network-state.ts';
import { readSnapshot } from '../../src/verify/snapshot/read-snapshot.ts';
import { verifyHosts } from '../../src/verify/verify-hosts.ts';
import { CalicoCluster } from './calico.ts';
import { CiliumCluster } from './cilium.ts';
import type { ClusterDump } from './cluster-dump.ts';
import { FlannelCluster } from './flannel.ts';

const SERVICES = [
  {
    namespace: 'default',
    name: 'web',
    clusterIp: '10.96.0.10',
    port: 80,
    nodePort: 30080,
    affinity: 10800,
    endpoints: [
      { address: '10.244.0.2', port: 8080 },
      { address: '10.244.1.2', port: 8080 },
    ],
  },
];

/** Clusters that between them have something in every file. */
const CLUSTERS: readonly ClusterDump[] = [
  new FlannelCluster({ proxy: 'maps', masquerade: 'flanneld', services: SERVICES }),
  new CalicoCluster({ network: 'vxlan', exclusions: 'IPPoolsOnly', encapsulation: 'dropped', services: SERVICES }),
  new CiliumCluster(SERVICES),
];

type Files = ReadonlyMap<DumpFile, string>;

/** A file of one of the hosts with something in it, and where it stands. */
const anyFile: fc.Arbitrary<{ readonly files: Files; readonly file: DumpFile; readonly text: string }> = fc
  .constantFrom(...CLUSTERS.map((cluster) => cluster.host(0).root.files()))
  .chain((files) =>
    fc.constantFrom(...[...files].filter(([, text]) => text.length > 0)).map(([file, text]) => ({ files, file, text })),
  );

/** The text with some of it cut away, repeated, or written over. */
function mutated(text: string): fc.Arbitrary<string> {
  const place = fc.nat({ max: text.length });
  const scrap = fc.oneof(
    fc.string({ maxLength: 4 }),
    fc.constantFrom(
      '\n',
      '"',
      '{',
      '}',
      '[',
      ']',
      ' ',
      '!',
      '-',
      '/',
      '0',
      '-1',
      '1e9',
      'null',
      ' -m ',
      ' --',
      '\u0000',
    ),
  );
  return fc
    .tuple(fc.constantFrom('cut', 'repeat', 'overwrite', 'insert'), place, fc.nat({ max: 40 }), scrap)
    .map(([how, at, length, words]) => {
      const [before, middle, after] = [text.slice(0, at), text.slice(at, at + length), text.slice(at + length)];
      if (how === 'cut') return before + after;
      if (how === 'repeat') return before + middle + middle + after;
      return how === 'overwrite' ? before + words + after : before + words + middle + after;
    });
}

function stateOf(files: Files, file: DumpFile, text: string): NetworkState {
  return parseNetworkState((name) => (name === file ? text : files.get(name)));
}

function summary(state: NetworkState): string {
  const { routes, neighbours, forwarding, sysctls, unknown, ...rest } = state;
  const rows = [...routes.rows(), ...neighbours.rows(), ...forwarding.rows(), ...sysctls];
  return JSON.stringify([rest, rows], (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}

describe('a snapshot with something wrong in it', () => {
  it('is named where a file is cut off, but for one cut between two lines', () => {
    const cut = anyFile.chain((given) =>
      fc.nat({ max: given.text.length - 1 }).map((length) => ({ ...given, length })),
    );
    fc.assert(
      fc.property(cut, ({ files, file, text, length }) => {
        const rest = text.slice(0, length);
        const { unknown, ...state } = stateOf(files, file, rest);
        if (unknown.some(({ what, why }) => what.includes(file) || why.includes(file))) return;
        const whole = stateOf(files, file, text);
        const same = summary({ unknown, ...state }) === summary(whole);
        assert.ok(same || rest === '' || rest.endsWith('\n'), `${file} after ${length}: …${rest.slice(-80)}`);
      }),
      { numRuns: 1500 },
    );
  });

  it('is named where a file is not as it was collected', () => {
    const changed = anyFile.chain((given) => mutated(given.text).map((text) => ({ ...given, changed: text })));
    fc.assert(
      fc.property(changed, ({ files, file, text, changed: other }) => {
        fc.pre(other !== text);
        const collected = new Map(files).set('cksum.txt', formatCheckSums(files));
        const { unknown } = stateOf(collected, file, other);
        assert.ok(unknown.some(({ what }) => what === file));
      }),
    );
  });

  it('is read as far as it can be, whatever stands in it', () => {
    const changed = anyFile.chain((given) => mutated(given.text).map((text) => ({ ...given, changed: text })));
    fc.assert(
      fc.property(changed, ({ files, file, changed: other }) => {
        stateOf(files, file, other);
      }),
      { numRuns: 1500 },
    );
  });

  it('is judged, or refused with the place, whatever stands in it', () => {
    const changed = fc
      .constantFrom(...CLUSTERS.map((cluster) => cluster.files()))
      .chain((files) =>
        fc
          .constantFrom(...[...files].filter(([, text]) => text.length > 0))
          .chain(([file, text]) => mutated(text).map((other) => new Map(files).set(file, other))),
      );
    fc.assert(
      fc.property(changed, (files) => {
        try {
          const { hosts, cluster } = readSnapshot(files);
          verifyHosts(hosts, cluster === undefined ? {} : { cluster });
        } catch (error) {
          assert.ok(isFlatnetError(error, 'invalid'), error instanceof Error ? error.stack : String(error));
        }
      }),
      { numRuns: 60 },
    );
  });
});
