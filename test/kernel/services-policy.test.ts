import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '../../src/address/address.ts';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import type { Wiring } from '../../src/cni/attachment.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { missing } from './planned-cluster.ts';
import { LEAVING, type Site, service, servingCluster } from './planned-services.ts';
import { EXTERNAL, EXTERNALS, LOOPBACK, PROTOCOLS, routeExternal, virtual } from './service-site.ts';

/** Who may answer, as `HOST/POD`, or what else comes of asking; `dropped`, as a host's own process is told at once. */
type Expected = readonly string[] | 'timeout' | 'dropped' | 'refused';
type Question = readonly [from: NetworkNamespace, at: Address, port: number, expected: Expected];

/** How often one is asked at a time that several may answer. */
const TIMES = 20;
/** How often in all, until each has answered: one of three keeps silent so long by chance once in 10^34. */
const MOST_TIMES = 200;

/** Asks everything at once, in both protocols: each of those expected answers, and nobody else. */
async function assertAnswers(site: Site, questions: readonly Question[]): Promise<void> {
  const asked = questions.flatMap((question) => PROTOCOLS.map((protocol) => [protocol, ...question] as const));
  await Promise.all(
    asked.map(async ([protocol, from, at, port, expected]) => {
      if (expected === 'timeout' || expected === 'dropped') {
        const answer = await site.askInVain(from, protocol, at, port);
        return assert.match(answer, expected === 'timeout' ? /^timeout$/ : /^(timeout|prohibited)$/);
      }
      const wanted = typeof expected === 'string' ? [expected] : [...expected].sort();
      const times = typeof expected === 'string' ? 1 : wanted.length === 1 ? 2 : TIMES;
      const seen = new Set<string>();
      for (let done = 0; done === 0 || (seen.size < wanted.length && done < MOST_TIMES); done += times) {
        const answers = await Promise.all(Array.from({ length: times }, () => site.ask(from, protocol, at, port)));
        for (const answer of answers) seen.add(answer.split(' ')[0] ?? '');
      }
      assert.deepEqual([...seen].sort(), wanted, `${protocol} ${port}`);
    }),
  );
}

/** The same questions in both families. */
function inBoth(questionsOf: (family: Family) => readonly Question[]): readonly Question[] {
  return FAMILIES.flatMap(questionsOf);
}

const WIRINGS: readonly Wiring[] = ['point-to-point', 'bridge'];

for (const wiring of WIRINGS)
  describe(`whom policies choose in the kernel, wired ${wiring}`, { skip: missing(['nft']) }, () => {
    it('under external policy Local: who is here, and pods anywhere for those inside', async (t) => {
      const site = await servingCluster(t, [1, 1, 2], wiring);
      const loadBalancer = [{ address: EXTERNAL[4], mode: 'VIP' as const }];
      const made = service('web', 10, {
        externalPolicy: 'Local',
        externalAddresses: [EXTERNAL[6]],
        loadBalancer,
      });
      const on = (host: number, family: Family) => site.addressOfHost(host, family);
      for (const host of [0, 1, 2]) {
        site.serve(made, [0, 0], [0, 1], [2, 0]);
        routeExternal(site, host);
        const here = [['0/0', '0/1'], 'timeout', ['2/0']] as const;
        const expected: Expected = here[host] ?? [];
        await assertAnswers(
          site,
          inBoth((family) => [
            [site.router, on(host, family), 30010, expected],
            [site.router, EXTERNAL[family], 80, expected],
            [site.pod(host, 1), EXTERNAL[family], 80, ['0/0', '0/1', '2/0']],
            [site.host(host), EXTERNAL[family], 80, ['0/0', '0/1', '2/0']],
            [site.pod(host, 1), on(host, family), 30010, ['0/0', '0/1', '2/0']],
            [site.pod(host, 1), virtual(10, family), 80, ['0/0', '0/1', '2/0']],
          ]),
        );
      }
      await assertAnswers(site, [[site.host(1), LOOPBACK, 30010, ['0/0', '0/1', '2/0']]]);
      site.serve(made);
      await assertAnswers(
        site,
        inBoth((family) => [
          [site.router, on(0, family), 30010, 'refused'],
          [site.pod(0, 1), EXTERNAL[family], 80, 'refused'],
        ]),
      );
    });

    it('under internal policy Local: who is here, for cluster addresses alone', async (t) => {
      const site = await servingCluster(t, [1, 1], wiring);
      const made = service('web', 10, { internalPolicy: 'Local', externalAddresses: EXTERNALS });
      site.serve(made, [0, 0], [0, 1]);
      routeExternal(site, 1);
      await assertAnswers(
        site,
        inBoth((family) => [
          [site.pod(0, 1), virtual(10, family), 80, ['0/0', '0/1']],
          [site.host(0), virtual(10, family), 80, ['0/0', '0/1']],
          [site.pod(1, 1), virtual(10, family), 80, 'timeout'],
          [site.host(1), virtual(10, family), 80, 'dropped'],
          [site.pod(1, 1), site.addressOfHost(1, family), 30010, ['0/0', '0/1']],
          [site.router, EXTERNAL[family], 80, ['0/0', '0/1']],
        ]),
      );
      site.serve(made);
      await assertAnswers(
        site,
        inBoth((family) => [
          [site.pod(1, 1), virtual(10, family), 80, 'refused'],
          [site.host(1), virtual(10, family), 80, 'refused'],
        ]),
      );
    });

    it('where pods end: those that serve still, for the cluster and for each node decided apart', async (t) => {
      const site = await servingCluster(t, [1, 1], wiring);
      const made = service('web', 10, { externalPolicy: 'Local' });
      const at = (host: number, family: Family, inside: Expected, outside: Expected): readonly Question[] => [
        [site.pod(host, 1), virtual(10, family), 80, inside],
        [site.host(host), virtual(10, family), 80, inside],
        [site.pod(host, 1), site.addressOfHost(host, family), 30010, inside],
        [site.router, site.addressOfHost(host, family), 30010, outside],
      ];
      site.serve(made, [0, 0, LEAVING], [1, 0]);
      await assertAnswers(
        site,
        inBoth((family) => [...at(0, family, ['1/0'], ['0/0']), ...at(1, family, ['1/0'], ['1/0'])]),
      );
      site.serve(made, [0, 0, LEAVING], [0, 1], [1, 0, { ...LEAVING, serving: false }]);
      await assertAnswers(
        site,
        inBoth((family) => [...at(0, family, ['0/1'], ['0/1']), ...at(1, family, ['0/1'], 'timeout')]),
      );
      site.serve(made, [0, 0, LEAVING], [0, 1, LEAVING], [1, 0, { ...LEAVING, serving: false }]);
      await assertAnswers(
        site,
        inBoth((family) => [
          ...at(0, family, ['0/0', '0/1'], ['0/0', '0/1']),
          ...at(1, family, ['0/0', '0/1'], 'timeout'),
        ]),
      );
      site.serve(made, [0, 0, { ...LEAVING, serving: false }], [1, 0, { ready: false, serving: false }]);
      await assertAnswers(
        site,
        inBoth((family) => [...at(0, family, 'refused', 'refused'), ...at(1, family, 'refused', 'refused')]),
      );
    });

    it('with hints: who is on the node, in the zone, and all where a hint is missing', async (t) => {
      const site = await servingCluster(t, [1, 1, 2], wiring);
      site.placeInZones('east', 'east', 'west');
      const made = service('web', 10);
      const ask = (...expected: readonly (readonly string[])[]) =>
        assertAnswers(
          site,
          inBoth((family) =>
            expected.flatMap((answers, host): readonly Question[] => [
              [site.pod(host, 1), virtual(10, family), 80, answers],
              [site.host(host), virtual(10, family), 80, answers],
              [site.router, site.addressOfHost(host, family), 30010, answers],
            ]),
          ),
        );
      const zone = (...zoneHints: readonly string[]) => ({ zoneHints });
      site.serve(made, [0, 0, zone('east')], [1, 0, zone('east')], [2, 0, zone('west')]);
      await ask(['0/0', '1/0'], ['0/0', '1/0'], ['2/0']);
      site.serve(made, [0, 0, zone('east')], [1, 0, zone('west')], [2, 0]);
      await ask(['0/0', '1/0', '2/0'], ['0/0', '1/0', '2/0'], ['0/0', '1/0', '2/0']);
      site.serve(made, [0, 0, zone('east')], [1, 0, zone('east')]);
      await ask(['0/0', '1/0'], ['0/0', '1/0'], ['0/0', '1/0']);
      const node = (host: number, ...zoneHints: readonly string[]) => ({ nodeHints: [site.nameOf(host)], zoneHints });
      site.serve(made, [0, 0, node(0, 'east')], [2, 0, node(2, 'west')]);
      await ask(['0/0'], ['0/0'], ['2/0']);
    });
  });

describe('node ports in the kernel', { skip: missing(['nft']) }, () => {
  it('are served at the addresses that the operator chooses, and at no others', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    site.serve(service('web', 10), [1, 0]);
    site.settle({ nodePortAddresses: ['10.1.0.0/16'].map(parsePrefix) });
    await assertAnswers(site, [
      [site.router, site.addressOfHost(0, 4), 30010, ['1/0']],
      [site.pod(0, 0), site.addressOfHost(1, 4), 30010, ['1/0']],
      [site.router, site.addressOfHost(0, 6), 30010, 'refused'],
      [site.host(0), LOOPBACK, 30010, 'refused'],
    ]);
    site.settle({ nodePortAddresses: ['127.0.0.0/8', 'fd00::/8'].map(parsePrefix) });
    await assertAnswers(site, [
      [site.router, site.addressOfHost(0, 4), 30010, 'refused'],
      [site.router, site.addressOfHost(0, 6), 30010, ['1/0']],
      [site.host(0), LOOPBACK, 30010, ['1/0']],
    ]);
  });
});
