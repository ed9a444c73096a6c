import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import type { Family } from '../../src/address/family.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import type { Wiring } from '../../src/cni/attachment.ts';
import { eventually, runIn } from '../namespace.ts';
import { missing } from './planned-cluster.ts';
import { service, servingCluster } from './planned-services.ts';
import {
  EXTERNAL,
  EXTERNALS,
  each,
  eachAtOnce,
  FAR_OUTSIDE,
  LOOPBACK,
  OUTSIDE,
  PROTOCOLS,
  routeExternal,
  virtual,
} from './service-site.ts';

const SKIP = missing(['nft']);
const WIRINGS: readonly Wiring[] = ['point-to-point', 'bridge'];
describe('services in the kernel', { skip: SKIP }, () => {
  for (const wiring of WIRINGS) {
    it(`${wiring}: show endpoints on any host the pod or node that asks, as it is`, async (t) => {
      const site = await servingCluster(t, [1, 1, 2], wiring);
      for (const [index, target] of (
        [
          [0, 1],
          [1, 0],
          [2, 0],
        ] as const
      ).entries()) {
        site.serve(service('web', 10), target);
        await each(async (family, protocol) => {
          const seen = formatAddress(site.addressOfPod(0, 0, family));
          const who = target.join('/');
          assert.equal(await site.ask(site.pod(0, 0), protocol, virtual(10, family), 80), `${who} saw ${seen}`);
          const answer = await site.ask(site.host(0), protocol, virtual(10, family), 80);
          assert.match(answer, new RegExp(`^${who} saw `), `${protocol} to host ${index}: ${answer}`);
        });
      }
    });

    it(`${wiring}: lead a pod to itself, which sees its node`, async (t) => {
      const site = await servingCluster(t, [1], wiring);
      site.serve(service('web', 10), [0, 0]);
      await each(async (family, protocol) => {
        const seen = formatAddress(site.addressOfHost(0, family));
        assert.equal(await site.ask(site.pod(0, 0), protocol, virtual(10, family), 80), `0/0 saw ${seen}`);
      });
    });

    it(`${wiring}: take node ports from outside, from nodes and pods, and at 127.0.0.1`, async (t) => {
      const site = await servingCluster(t, [1, 1, 2], wiring);
      for (const target of [0, 1, 2]) {
        site.serve(service('web', 10), [target, 0]);
        await each(async (family, protocol) => {
          const at = site.addressOfHost(0, family);
          const text = formatAddress;
          const outside = target === 0 ? OUTSIDE[family] : at;
          const answer = await site.ask(site.router, protocol, at, 30010);
          assert.equal(answer, `${target}/0 saw ${text(outside)}`, 'outside, masqueraded for another node alone');
          const elsewhere = site.addressOfHost(1, family);
          const pod = site.addressOfPod(2, 1, family);
          assert.equal(await site.ask(site.pod(2, 1), protocol, elsewhere, 30010), `${target}/0 saw ${text(pod)}`);
          assert.match(await site.ask(site.host(2), protocol, elsewhere, 30010), new RegExp(`^${target}/0 saw `));
          assert.match(await site.ask(site.host(0), protocol, at, 30010), new RegExp(`^${target}/0 saw `));
        });
        for (const protocol of PROTOCOLS) {
          const seen = formatAddress(site.addressOfHost(0, 4));
          assert.equal(await site.ask(site.host(0), protocol, LOOPBACK, 30010), `${target}/0 saw ${seen}`);
        }
      }
    });
  }

  it('keep clients from outside, and pods, as they are under a local policy', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    site.serve(service('web', 10, { externalPolicy: 'Local', externalAddresses: EXTERNALS }), [1, 0]);
    routeExternal(site, 1);
    await each(async (family, protocol) => {
      const answer = `1/0 saw ${formatAddress(OUTSIDE[family])}`;
      assert.equal(await site.ask(site.router, protocol, site.addressOfHost(1, family), 30010), answer);
      assert.equal(await site.ask(site.router, protocol, EXTERNAL[family], 80), answer);
      const pod = formatAddress(site.addressOfPod(0, 0, family));
      assert.equal(await site.ask(site.pod(0, 0), protocol, EXTERNAL[family], 80), `1/0 saw ${pod}`);
      const own = site.addressOfHost(0, family);
      assert.equal(await site.ask(site.pod(0, 0), protocol, own, 30010), `1/0 saw ${pod}`);
    });
  });

  it('let only some sources in at a load balancer, and leave one alone that translates itself', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const loadBalancer = EXTERNALS.map((address) => ({ address, mode: 'VIP' as const }));
    const sourceRanges = ['203.0.113.0/24', '203.0.113.1/32', '2001:db8::/64'].map(parsePrefix);
    site.serve(service('web', 10, { loadBalancer, sourceRanges }), [0, 0]);
    routeExternal(site, 0);
    await eachAtOnce(async (family, protocol) => {
      const front = [protocol, EXTERNAL[family], 80] as const;
      const far = FAR_OUTSIDE[family];
      assert.equal(await site.ask(site.router, ...front, far), `0/0 saw ${formatAddress(far)}`);
      assert.equal(await site.askInVain(site.router, ...front, OUTSIDE[family]), 'timeout');
      assert.equal(await site.askInVain(site.pod(1, 0), ...front), 'timeout');
      assert.match(await site.ask(site.pod(1, 0), protocol, virtual(10, family), 80), /^0\/0 saw/);
    });
    const proxies = EXTERNALS.map((address) => ({ address, mode: 'Proxy' as const }));
    site.serve(service('web', 10, { loadBalancer: proxies }), [0, 0]);
    assert.match(await site.askInVain(site.pod(1, 0), 'tcp', EXTERNAL[4], 80), /^(timeout|unreachable)$/);
  });

  it('refuse at once what has no endpoint, and what is no service in their range', async (t) => {
    const site = await servingCluster(t, [1]);
    site.serve(service('web', 10, { externalAddresses: EXTERNALS }));
    routeExternal(site, 0);
    await each(async (family, protocol) => {
      for (const from of [site.pod(0, 0), site.host(0)]) {
        assert.equal(await site.ask(from, protocol, virtual(10, family), 80), 'refused');
        assert.equal(await site.ask(from, protocol, virtual(10, family), 81), 'refused');
        assert.equal(await site.ask(from, protocol, virtual(77, family), 80), 'refused');
        assert.equal(await site.ask(from, protocol, site.addressOfHost(0, family), 30010), 'refused');
      }
      assert.equal(await site.ask(site.router, protocol, EXTERNAL[family], 80), 'refused');
    });
  });

  it('spread connections evenly', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    site.serve(service('web', 10), [0, 0], [0, 1], [1, 0], [1, 1]);
    const total = 800;
    for (const [from, protocol, family] of [
      [site.host(0), 'tcp', 4],
      [site.pod(1, 0), 'udp', 6],
    ] as const) {
      const counts = new Map<string, number>();
      for (let done = 0; done < total; done += 50) {
        const asked = Array.from({ length: 50 }, () => site.ask(from, protocol, virtual(10, family), 80));
        for (const answer of await Promise.all(asked)) {
          const who = answer.split(' ')[0] ?? '';
          counts.set(who, (counts.get(who) ?? 0) + 1);
        }
      }
      assert.deepEqual([...counts.keys()].sort(), ['0/0', '0/1', '1/0', '1/1']);
      const expected = total / 4;
      const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // the value that chance exceeds once in ten thousand million times, at three degrees of freedom
      assert.ok(chiSquare < 49.5, JSON.stringify([...counts]));
    }
  });

  it('open host ports to everybody, to the pod itself and at loopback too', async (t) => {
    const mapping = { hostPort: 8080, containerPort: 7000 };
    const site = await servingCluster(t, [1, 1]);
    const pod = site.hosts[0]?.pods[0];
    assert.ok(pod);
    const attachment = { ...pod.attachment, portMappings: PROTOCOLS.map((protocol) => ({ ...mapping, protocol })) };
    site.hosts[0]?.pods.splice(0, 1, { ...pod, attachment });
    site.publish();
    await each(async (family, protocol) => {
      const at = site.addressOfHost(0, family);
      const seen = (address: typeof LOOPBACK) => `0/0 saw ${formatAddress(address)}`;
      assert.equal(await site.ask(site.router, protocol, at, 8080), seen(OUTSIDE[family]));
      assert.equal(await site.ask(site.pod(1, 0), protocol, at, 8080), seen(site.addressOfPod(1, 0, family)));
      assert.equal(await site.ask(site.pod(0, 0), protocol, at, 8080), seen(at));
      assert.equal(await site.ask(site.pod(0, 1), protocol, at, 8080), seen(site.addressOfPod(0, 1, family)));
    });
    for (const protocol of PROTOCOLS)
      assert.match(await site.ask(site.host(0), protocol, LOOPBACK, 8080), /^0\/0 saw 10\.1\.0\.1$/);
  });

  it('open host ports at one address, and each protocol by itself', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    const pod = site.hosts[0]?.pods[0];
    assert.ok(pod);
    const at = (family: Family) => site.addressOfHost(0, family);
    const portMappings = [
      { hostPort: 8080, containerPort: 7000, protocol: 'tcp', hostIP: at(4) },
      { hostPort: 8080, containerPort: 7000, protocol: 'tcp', hostIP: at(6) },
      { hostPort: 8081, containerPort: 7000, protocol: 'udp', hostIP: LOOPBACK },
      { hostPort: 8082, containerPort: 7000, protocol: 'udp' },
    ] as const;
    site.hosts[0]?.pods.splice(0, 1, { ...pod, attachment: { ...pod.attachment, portMappings } });
    site.publish();
    const [router, host] = [site.router, site.host(0)];
    await eachAtOnce(async (family, protocol) => {
      const ask = async (from: typeof host, to: Address, port: number) =>
        (await site.ask(from, protocol, to, port)).split(' ')[0];
      const [tcp, udp] = protocol === 'tcp' ? ['0/0', 'refused'] : ['refused', '0/0'];
      for (const from of [router, host, site.pod(0, 0), site.pod(1, 0)]) {
        assert.equal(await ask(from, at(family), 8080), tcp);
        assert.equal(await ask(from, at(family), 8081), 'refused');
        assert.equal(await ask(from, at(family), 8082), udp);
      }
      if (family === 6) return;
      assert.equal(await ask(host, LOOPBACK, 8080), 'refused');
      assert.equal(await ask(host, LOOPBACK, 8081), udp);
      assert.equal(await ask(host, LOOPBACK, 8082), udp);
    });
  });

  it('leave no mark on a connection', async (t) => {
    const site = await servingCluster(t, [1, 1]);
    site.serve(service('web', 10), [1, 0]);
    site.serve(service('own', 11, { ports: [{ name: 'stream', protocol: 'tcp', port: 80 }] }), [0, 0]);
    await site.ask(site.pod(0, 0), 'tcp', virtual(10, 4), 80);
    await site.ask(site.host(0), 'udp', virtual(10, 6), 80);
    await site.ask(site.router, 'tcp', site.addressOfHost(0, 4), 30010);
    const flows = site.host(0).run(() => runIn(site.host(0), 'cat', '/proc/net/nf_conntrack'));
    assert.match(flows, /dport=80/);
    assert.doesNotMatch(flows, /mark=[1-9]/);
  });

  it('change one by one among ten thousand with a hundred thousand endpoints', async (t) => {
    const site = await servingCluster(t, [1]);
    site.serve(service('web', 10), [0, 0]);
    site.crowd(10_000);
    const ask = () => site.ask(site.pod(0, 1), 'tcp', virtual(10, 4), 80);
    assert.match(await ask(), /^0\/0 saw/);
    const count = "nft list map ip flatnet-services endpoints | grep -o ' : 10[.0-9]* [.] 7000' | wc -l";
    // a hash table that still grows is listed with gaps
    const isWhole = () => Number(runIn(site.host(0), 'sh', '-c', count)) === 100_000 + PROTOCOLS.length;
    await eventually('all endpoints are listed', isWhole);
    site.serve(service('web', 10), [0, 1]);
    assert.match(await ask(), /^0\/1 saw/);
    site.serve(service('web', 10), [0, 0], [0, 1]);
    assert.match(await ask(), /^0\/[01] saw/);
    site.serve(service('web', 10));
    assert.equal(await ask(), 'refused');
  });
});
