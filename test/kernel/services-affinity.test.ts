import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAMILIES } from '../../src/address/family.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { eventually, runIn } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { type Site, service, servingCluster } from './planned-services.ts';
import { EXTERNAL, EXTERNALS, each, FAR_OUTSIDE, LOOPBACK, OUTSIDE, routeExternal, virtual } from './service-site.ts';

const ALL = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const;

/** The clients that a host remembers, by pool. */
function remembered(host: NetworkNamespace, family: 4 | 6, seconds: number): number {
  const table = family === 4 ? 'ip' : 'ip6';
  const listing = runIn(host, 'nft', 'list', 'map', table, 'flatnet-services', `affinity-${seconds}`);
  return listing.match(/expires/g)?.length ?? 0;
}

/** Who answers, without what was seen. */
async function answerer(asked: ReturnType<Site['ask']>): Promise<string> {
  const answer = await asked;
  return answer.includes(' saw ') ? (answer.split(' ')[0] ?? '') : answer;
}

/** Milliseconds by which the kernel's clock, which goes in ticks, may be behind. */
const TICKS = 100;

/** Asks for longer than affinity lasts, never pausing as long, and holds that one answers; gives who that is. */
async function staysWithOne(ask: () => Promise<string>, seconds: number): Promise<string> {
  const lasts = 1000 * seconds;
  let [begun, before, first] = [performance.now(), performance.now(), await ask()];
  while (performance.now() - begun < 1.5 * lasts) {
    const [now, answer] = [performance.now(), await ask()];
    if (performance.now() - before < lasts - TICKS)
      assert.equal(answer, first, 'every connection starts the time anew');
    // a machine so busy that the client came back too late
    else [begun, first] = [now, answer];
    before = now;
  }
  return first;
}

describe('session affinity in the kernel', { skip: missing(['nft']) }, () => {
  it('leads a client to one endpoint as long as that is there', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const sticky = service('web', 10, { affinityTimeout: 600 });
    site.serve(sticky, ...ALL);
    await each(async (family, protocol) => {
      const ask = () => answerer(site.ask(site.pod(0, 0), protocol, virtual(10, family), 80));
      const first = await ask();
      for (let count = 0; count < 8; count++) assert.equal(await ask(), first);
      site.serve(sticky, ...ALL.filter((pod) => pod.join('/') !== first));
      const second = await ask();
      assert.match(second, /^\d\/\d$/);
      assert.notEqual(second, first);
      for (let count = 0; count < 4; count++) assert.equal(await ask(), second);
      site.serve(sticky, ...ALL);
      assert.equal(await ask(), second, 'one more endpoint takes no client away');
    });
  });

  it('holds for all fronts of a port together, and for each client, port and service by itself', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const sticky = { affinityTimeout: 600, externalAddresses: EXTERNALS } as const;
    site.serve(service('web', 10, sticky), ...ALL);
    routeExternal(site, 0);
    const seen = new Set<string>();
    await each(async (family, protocol) => {
      const fronts = [
        [virtual(10, family), 80],
        [site.addressOfHost(0, family), 30010],
        [EXTERNAL[family], 80],
      ] as const;
      const clients = [
        [site.pod(0, 0), undefined],
        [site.pod(0, 1), undefined],
        [site.router, OUTSIDE[family]],
        [site.router, FAR_OUTSIDE[family]],
      ] as const;
      for (const [from, source] of clients) {
        const asked = source === undefined ? fronts : fronts.slice(1);
        const answers = await Promise.all(
          asked.flatMap(([at, port]) => {
            const ask = () => answerer(site.ask(from, protocol, at, port, source));
            return [ask(), ask()];
          }),
        );
        // the first of each are on their way at the same time, and the last that was chosen counts
        const [first = ''] = await Promise.all(
          asked.slice(0, 1).map(([at, port]) => answerer(site.ask(from, protocol, at, port, source))),
        );
        assert.ok(answers.includes(first), answers.join());
        for (const [at, port] of asked)
          for (let count = 0; count < 3; count++)
            assert.equal(await answerer(site.ask(from, protocol, at, port, source)), first);
        seen.add(first);
      }
    });
    // sixteen choices among four: all the same once in 4^15
    assert.ok(seen.size > 1, 'clients are told apart');
    const port = await answerer(site.ask(site.host(0), 'tcp', LOOPBACK, 30010));
    assert.match(port, /^\d\/\d$/);
  });

  it('lasts while a client comes back in time, and ends after that', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const seconds = 2;
    site.serve(service('web', 10, { affinityTimeout: seconds }), ...ALL);
    for (const family of FAMILIES) {
      const ask = () => answerer(site.ask(site.pod(0, 0), 'tcp', virtual(10, family), 80));
      const first = await staysWithOne(ask, seconds);
      const seen = new Set([first]);
      const deadline = performance.now() + 120_000;
      while (seen.size === 1) {
        assert.ok(performance.now() < deadline, 'led to the same one for ever');
        await eventually('the client is forgotten', () => remembered(site.host(0), family, seconds) === 0);
        seen.add(await ask());
      }
    }
  });

  it('stays when endpoints come, up to more than a block of numbers has', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const sticky = service('web', 10, { affinityTimeout: 600 });
    site.serve(sticky, ...ALL);
    const ask = () => answerer(site.ask(site.pod(0, 0), 'tcp', virtual(10, 4), 80));
    const first = await ask();
    site.pad('web', 28);
    assert.equal(await ask(), first);
    site.pad('web', 0);
    assert.equal(await ask(), first);
    site.pad('web', 300);
    site.pad('web', 0);
    const anew = await ask();
    assert.match(anew, /^\d\/\d$/);
    for (let count = 0; count < 4; count++) assert.equal(await ask(), anew);
  });
});
