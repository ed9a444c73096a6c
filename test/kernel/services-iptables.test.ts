import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { formatAddress, parseAddress } from '../../src/address/address.ts';
import { FAMILIES, type Family } from '../../src/address/family.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { writeSysctl } from '../../src/kernel/sysctl.ts';
import { parseIptablesSave } from '../../src/netfilter/iptables/parse-iptables-save.ts';
import { CLUSTER_PREFIXES } from '../../src/plan/arbitrary.ts';
import type { ServicePlan } from '../../src/plan/service/service-plan.ts';
import { planRestore } from '../../src/render/iptables/restore-plan.ts';
import { renderServiceRuleset } from '../../src/render/iptables/service-ruleset.ts';
import { newNamespace, runIn } from '../namespace.ts';
import { IPTABLES_MISSING } from './iptables-program.ts';
import { type ServiceFollower, type Site, service, servingCluster } from './planned-services.ts';
import { EXTERNAL, EXTERNALS, each, OUTSIDE, PROTOCOLS, routeExternal, virtual } from './service-site.ts';

const PREFIXES = FAMILIES.map((family) => CLUSTER_PREFIXES[family]);

function program(family: Family, verb: 'save' | 'restore'): string {
  return `${family === 4 ? 'iptables' : 'ip6tables'}-${verb}`;
}

function present(namespace: NetworkNamespace, family: Family) {
  return parseIptablesSave(runIn(namespace, program(family, 'save')));
}

function restore(namespace: NetworkNamespace, family: Family, input: string, ...options: readonly string[]): void {
  const result = namespace.run(() =>
    spawnSync(program(family, 'restore'), ['--noflush', ...options], { input, encoding: 'utf8' }),
  );
  assert.equal(result.status, 0, `${result.stderr}\n${input}`);
}

/** Loads the plan's rules, after a test run that changes nothing, and holds that nothing is left to do then. */
function follow(namespace: NetworkNamespace, plan: ServicePlan): void {
  for (const family of FAMILIES) {
    const desired = renderServiceRuleset(plan, family, PREFIXES);
    const text = planRestore(present(namespace, family), desired);
    if (text !== undefined) {
      restore(namespace, family, text, '--test');
      restore(namespace, family, text);
    }
    assert.equal(planRestore(present(namespace, family), desired), undefined, 'the kernel has what was planned');
  }
  namespace.run(() => writeSysctl('net.ipv4.conf.all.route_localnet', '1'));
}

function site(t: Parameters<typeof servingCluster>[0], subnets: readonly number[]): Promise<Site> {
  const followerOf = (_: unknown, { namespace }: { readonly namespace: NetworkNamespace }): ServiceFollower => ({
    follow: (plan) => follow(namespace, plan),
  });
  return servingCluster(t, subnets, 'point-to-point', {}, followerOf);
}

describe('services as iptables rules in the kernel', { skip: IPTABLES_MISSING }, () => {
  it('lead pods to endpoints anywhere as they are, and to themselves as their node', async (t) => {
    const { ask, pod, serve, addressOfPod } = await site(t, [1, 1]);
    serve(service('web', 10), [1, 0]);
    await each(async (family, protocol) => {
      const seen = formatAddress(addressOfPod(0, 0, family));
      assert.equal(await ask(pod(0, 0), protocol, virtual(10, family), 80), `1/0 saw ${seen}`);
      const itself = await ask(pod(1, 0), protocol, virtual(10, family), 80);
      assert.match(itself, /^1\/0 saw/);
      // MASQUERADE has several addresses of the node to choose from
      assert.notEqual(itself, `1/0 saw ${formatAddress(addressOfPod(1, 0, family))}`);
    });
  });

  it('take node ports from outside and at 127.0.0.1', async (t) => {
    const { ask, host, router, serve, addressOfHost } = await site(t, [1, 1]);
    serve(service('web', 10), [1, 0]);
    await each(async (family, protocol) => {
      const at = addressOfHost(0, family);
      assert.equal(await ask(router, protocol, at, 30010), `1/0 saw ${formatAddress(at)}`);
    });
    for (const protocol of PROTOCOLS)
      assert.equal(await ask(host(0), protocol, parseAddress('127.0.0.1'), 30010), '1/0 saw 10.1.0.1');
  });

  it('keep clients as they are under policy Local, and leave other nodes silent', async (t) => {
    const place = await site(t, [1, 1]);
    place.serve(service('web', 10, { externalPolicy: 'Local', externalAddresses: EXTERNALS }), [1, 0]);
    await each(async (family, protocol) => {
      const answer = `1/0 saw ${formatAddress(OUTSIDE[family])}`;
      assert.equal(await place.ask(place.router, protocol, place.addressOfHost(1, family), 30010), answer);
      assert.equal(await place.askInVain(place.router, protocol, place.addressOfHost(0, family), 30010), 'timeout');
      routeExternal(place, 1);
      assert.equal(await place.ask(place.router, protocol, EXTERNAL[family], 80), answer);
      const pod = formatAddress(place.addressOfPod(0, 0, family));
      assert.equal(await place.ask(place.pod(0, 0), protocol, EXTERNAL[family], 80), `1/0 saw ${pod}`);
    });
  });

  it('let in at a load balancer whom it names', async (t) => {
    const place = await site(t, [1]);
    const loadBalancer = EXTERNALS.map((address) => ({ address, mode: 'VIP' as const }));
    const serveTo = (...ranges: readonly string[]) =>
      place.serve(service('web', 10, { loadBalancer, sourceRanges: ranges.map(parsePrefix) }), [0, 0]);
    routeExternal(place, 0);
    serveTo('10.1.0.254/32', 'fd00:1::ff/128');
    await each(async (family, protocol) => {
      assert.match(await place.ask(place.router, protocol, EXTERNAL[family], 80), /^0\/0 saw/);
    });
    serveTo('198.51.100.0/24', '2001:db8:9::/64');
    for (const family of FAMILIES)
      assert.equal(await place.askInVain(place.router, 'tcp', EXTERNAL[family], 80), 'timeout');
  });

  it('refuse at once what has no endpoints', async (t) => {
    const { ask, pod, host, serve } = await site(t, [1]);
    serve(service('web', 10));
    await each(async (family, protocol) => {
      for (const from of [pod(0, 0), host(0)])
        assert.equal(await ask(from, protocol, virtual(10, family), 80), 'refused');
    });
  });

  it('lead a client with affinity to one endpoint, and spread those without', async (t) => {
    const { ask, pod, serve } = await site(t, [1, 1]);
    const all = [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const;
    serve(service('web', 10, { affinityTimeout: 600 }), ...all);
    await each(async (family, protocol) => {
      const answers = new Set<string>();
      for (let count = 0; count < 10; count++) answers.add(await ask(pod(0, 0), protocol, virtual(10, family), 80));
      assert.equal(answers.size, 1);
    });
    serve(service('web', 10), ...all);
    const answers = new Set<string>();
    // that one of four stays away for so long has a chance of one in 10^17
    for (let count = 0; count < 140; count++) answers.add(await ask(pod(0, 0), 'tcp', virtual(10, 4), 80));
    assert.equal(answers.size, 4, [...answers].join(', '));
  });

  it('open host ports, to the pod itself and at loopback too', async (t) => {
    const { ask, pod, host, router, hosts, publish, addressOfPod, addressOfHost } = await site(t, [1]);
    const portMappings = PROTOCOLS.map((protocol) => ({ hostPort: 8080, containerPort: 7000, protocol }));
    const [first] = hosts[0]?.pods ?? [];
    assert.ok(first);
    hosts[0]?.pods.splice(0, 1, { ...first, attachment: { ...first.attachment, portMappings } });
    publish();
    await each(async (family, protocol) => {
      const at = addressOfHost(0, family);
      const seen = (address: typeof at) => `0/0 saw ${formatAddress(address)}`;
      assert.equal(await ask(router, protocol, at, 8080), seen(OUTSIDE[family]));
      assert.match(await ask(pod(0, 0), protocol, at, 8080), /^0\/0 saw/);
      assert.equal(await ask(pod(0, 1), protocol, at, 8080), seen(addressOfPod(0, 1, family)));
    });
    assert.match(await ask(host(0), 'tcp', parseAddress('127.0.0.1'), 8080), /^0\/0 saw 10\.1\.0\.1$/);
  });

  it("change nothing of other people's, and leave nothing behind", (t) => {
    const namespace = newNamespace(t);
    const foreign =
      '*nat\n:THEIRS - [0:0]\n-A PREROUTING -j THEIRS\n-A THEIRS -j RETURN\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i lo -j ACCEPT\nCOMMIT\n';
    for (const family of FAMILIES) restore(namespace, family, foreign);
    const before = FAMILIES.map((family) => present(namespace, family));
    const surroundings = {
      addresses: [parseAddress('192.0.2.1')],
      nodePortAddresses: [],
      peerNodePortAddresses: [],
      podPrefixes: [],
      clusterPrefixes: PREFIXES,
      servicePrefixes: [],
    };
    for (const family of FAMILIES) {
      const desired = renderServiceRuleset({ surroundings, services: new Map() }, family, PREFIXES);
      restore(namespace, family, planRestore(present(namespace, family), desired) ?? assert.fail('nothing to load'));
      const text = runIn(namespace, program(family, 'save'));
      for (const line of foreign.split('\n').filter((one) => one.startsWith('-A')))
        assert.ok(text.includes(line), line);
      assert.match(text, /:FORWARD DROP/);
      const removal = planRestore(present(namespace, family), { tables: [] });
      restore(namespace, family, removal ?? assert.fail('nothing to remove'));
    }
    const after = FAMILIES.map((family) => present(namespace, family));
    const names = (rulesets: typeof before) =>
      rulesets.map(({ tables }) =>
        tables.map(({ name, chains }) => [name, chains.map((chain) => [chain.name, chain.rules])]),
      );
    assert.deepEqual(names(after), names(before));
  });
});
