import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { parsePrefix } from '../../address/prefix.ts';
import type { ClusterService, ServiceEndpoint } from '../../cluster/cluster-state.ts';
import { formatIptablesSave, formatRule } from '../../netfilter/iptables/format-iptables-save.ts';
import { parseIptablesSave } from '../../netfilter/iptables/parse-iptables-save.ts';
import { planService } from '../../plan/service/plan-service.ts';
import type { PlannedService, ServiceSurroundings } from '../../plan/service/service-plan.ts';
import { formatProbability } from './endpoint-chains.ts';
import { renderServiceRuleset } from './service-ruleset.ts';

const CLUSTER = ['10.240.0.0/16', 'fd00:240::/48'].map(parsePrefix);
const ADDRESSES = ['192.0.2.1', '2001:db8::1'].map(parseAddress);

const SURROUNDINGS: ServiceSurroundings = {
  addresses: ADDRESSES,
  nodePortAddresses: [...ADDRESSES, parseAddress('127.0.0.1')],
  peerNodePortAddresses: [],
  podPrefixes: [parsePrefix('10.240.0.0/24'), parsePrefix('fd00:240::/64')],
  clusterPrefixes: CLUSTER,
  servicePrefixes: [parsePrefix('10.0.0.0/16'), parsePrefix('fd00:96::/108')],
};

function service(rest: Partial<ClusterService> = {}): ClusterService {
  return {
    namespace: 'default',
    name: 'nginx',
    clusterAddresses: [parseAddress('10.0.33.45')],
    externalAddresses: [],
    loadBalancer: [],
    sourceRanges: [],
    ports: [{ name: 'web', protocol: 'tcp', port: 80 }],
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    publishNotReady: false,
    ...rest,
  };
}

function endpoint(text: string, rest: Partial<ServiceEndpoint> = {}): ServiceEndpoint {
  return {
    address: parseAddress(text),
    ports: new Map([['web', { port: 80, protocol: 'tcp' }]]),
    node: 'here',
    ready: true,
    serving: true,
    terminating: false,
    zoneHints: [],
    nodeHints: [],
    ...rest,
  };
}

const TWO = [endpoint('10.240.0.28'), endpoint('10.240.0.57')];
const ELSEWHERE = [endpoint('10.240.9.9', { node: 'there' })];

function planned(rest: Partial<ClusterService>, endpoints: readonly ServiceEndpoint[]): PlannedService {
  return planService(service(rest), endpoints, { node: 'here', zone: '' });
}

function rulesetOf(plan: PlannedService, family: Family = 4, surroundings = SURROUNDINGS) {
  return renderServiceRuleset({ surroundings, services: new Map([['default/nginx', plan]]) }, family, CLUSTER);
}

/** The rules of chains whose names begin so, without `-A CHAIN`. */
function rulesOf(table: string, chain: string, plan: PlannedService, family: Family = 4, surroundings = SURROUNDINGS) {
  const { chains = [] } = rulesetOf(plan, family, surroundings).tables.find(({ name }) => name === table) ?? {};
  const asked = chains.filter(({ name }) => name.startsWith(chain));
  return asked.flatMap(({ name, rules }) => rules.map((rule) => formatRule(name, rule).replace(`-A ${name} `, '')));
}

describe('services as iptables rules', () => {
  it('are letter for letter those of kube-proxy, as iptables-save prints them', () => {
    const expected = [
      '-A KUBE-SERVICES -d 10.0.33.45/32 -p tcp -m comment --comment "default/nginx:web cluster IP" -m tcp --dport 80 -j KUBE-SVC-YK2SNH4V42VSDWIJ',
      '-A KUBE-SVC-YK2SNH4V42VSDWIJ -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-B4KBD76YHXMJL4VO',
      '-A KUBE-SVC-YK2SNH4V42VSDWIJ -j KUBE-SEP-V73B5NNFXA6V3U7A',
      '-A KUBE-SEP-B4KBD76YHXMJL4VO -p tcp -m tcp -j DNAT --to-destination 10.240.0.28:80',
      '-A KUBE-SEP-V73B5NNFXA6V3U7A -p tcp -m tcp -j DNAT --to-destination 10.240.0.57:80',
    ];
    const lines = formatIptablesSave(rulesetOf(planned({}, TWO))).split('\n');
    assert.deepEqual(
      lines.filter((line) => expected.includes(line)),
      expected,
    );
  });

  it('read back as what was written', () => {
    const ruleset = rulesetOf(planned({ externalAddresses: [parseAddress('198.51.100.7')] }, TWO));
    assert.equal(formatIptablesSave(parseIptablesSave(formatIptablesSave(ruleset))), formatIptablesSave(ruleset));
  });

  it('name no chain that they do not have', () => {
    const plan = planned(
      {
        externalPolicy: 'Local',
        internalPolicy: 'Local',
        ports: [{ name: 'web', protocol: 'tcp', port: 80, nodePort: 30080 }],
        externalAddresses: [parseAddress('198.51.100.7')],
        loadBalancer: [{ address: parseAddress('203.0.113.9'), mode: 'VIP' }],
        sourceRanges: [parsePrefix('198.51.100.0/24')],
      },
      TWO,
    );
    for (const { chains } of rulesetOf(plan).tables) {
      const names = new Set(chains.map(({ name }) => name));
      const targets = chains.flatMap(({ rules }) => rules.flatMap(({ target }) => target?.name ?? []));
      for (const name of targets.filter((target) => target.startsWith('KUBE-'))) assert.ok(names.has(name), name);
    }
  });

  it('masquerade who comes from outside the cluster, and who reaches himself', () => {
    assert.deepEqual(rulesOf('nat', 'KUBE-SVC-', planned({}, TWO)).slice(0, 1), [
      '! -s 10.240.0.0/16 -d 10.0.33.45/32 -p tcp -m comment --comment "default/nginx:web cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
    ]);
    assert.deepEqual(rulesOf('nat', 'KUBE-SEP-', planned({}, TWO))[0], '-s 10.240.0.28/32 -j KUBE-MARK-MASQ');
    assert.deepEqual(rulesOf('nat', 'KUBE-MARK-MASQ', planned({}, TWO)), ['-j MARK --or-mark 0x4000']);
    assert.deepEqual(rulesOf('nat', 'KUBE-POSTROUTING', planned({}, TWO)), [
      '-m mark ! --mark 0x4000/0x4000 -j RETURN',
      '-j MARK --xor-mark 0x4000',
      '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ]);
  });

  it('send a client back to the endpoint that it had', () => {
    const recent = '--name KUBE-SEP-B4KBD76YHXMJL4VO --mask 255.255.255.255 --rsource';
    const plan = planned({ affinityTimeout: 600 }, TWO.slice(0, 1));
    assert.deepEqual(rulesOf('nat', 'KUBE-SVC-', plan).slice(1), [
      `-m recent --rcheck --seconds 600 --reap ${recent} -j KUBE-SEP-B4KBD76YHXMJL4VO`,
      '-j KUBE-SEP-B4KBD76YHXMJL4VO',
    ]);
    assert.deepEqual(
      rulesOf('nat', 'KUBE-SEP-', plan)[1],
      `-p tcp -m recent --set ${recent} -m tcp -j DNAT --to-destination 10.240.0.28:80`,
    );
  });

  it('refuse what has no endpoints, and say nothing where others have them', () => {
    const exposed = { externalAddresses: [parseAddress('198.51.100.7')] };
    const empty = planned(exposed, []);
    const text = '-p tcp -m comment --comment "default/nginx:web has no endpoints" -m tcp --dport 80';
    const rejected = '-j REJECT --reject-with icmp-port-unreachable';
    assert.deepEqual(rulesOf('filter', 'KUBE-SERVICES', empty), [`-d 10.0.33.45/32 ${text} ${rejected}`]);
    assert.deepEqual(rulesOf('filter', 'KUBE-EXTERNAL-SERVICES', empty), [`-d 198.51.100.7/32 ${text} ${rejected}`]);
    assert.deepEqual(rulesOf('nat', 'KUBE-SERVICES', empty).length, 1);

    const local = planned({ ...exposed, internalPolicy: 'Local', externalPolicy: 'Local' }, ELSEWHERE);
    const silent = text.replace('no endpoints', 'no local endpoints');
    assert.deepEqual(rulesOf('filter', 'KUBE-SERVICES', local), [`-d 10.0.33.45/32 ${silent} -j DROP`]);
    assert.deepEqual(rulesOf('filter', 'KUBE-EXTERNAL-SERVICES', local), [`-d 198.51.100.7/32 ${silent} -j DROP`]);
    // who is inside gets to them all the same
    assert.match(rulesOf('nat', 'KUBE-EXT-', local).join('\n'), /-s 10\.240\.0\.0\/16 .* -j KUBE-SVC-\w+/);
  });

  it('give those inside every endpoint, and those outside the local ones, under policy Local', () => {
    const ports = [{ name: 'web', protocol: 'tcp', port: 80, nodePort: 30080 } as const];
    const plan = planned({ externalPolicy: 'Local', ports }, [...TWO, ...ELSEWHERE]);
    const on = (text: string) => `-m comment --comment "${text} for default/nginx:web external destinations"`;
    assert.deepEqual(rulesOf('nat', 'KUBE-EXT-', plan), [
      `-s 10.240.0.0/16 ${on('pod traffic')} -j KUBE-SVC-YK2SNH4V42VSDWIJ`,
      `${on('masquerade LOCAL traffic')} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
      `${on('route LOCAL traffic')} -m addrtype --src-type LOCAL -j KUBE-SVC-YK2SNH4V42VSDWIJ`,
      '-j KUBE-SVL-YK2SNH4V42VSDWIJ',
    ]);
    assert.equal(rulesOf('nat', 'KUBE-SVL-', plan).length, 2);
    assert.equal(rulesOf('nat', 'KUBE-SVC-', plan).length, 4);
    assert.equal(rulesOf('nat', 'KUBE-SEP-', plan).length, 6);
  });

  it('let in the sources that a load balancer names', () => {
    const plan = planned(
      {
        loadBalancer: [{ address: parseAddress('203.0.113.9'), mode: 'VIP' }],
        sourceRanges: [parsePrefix('192.0.2.0/24'), parsePrefix('2001:db8::/32')],
      },
      TWO,
    );
    const balancer = '-m comment --comment "default/nginx:web loadbalancer IP"';
    assert.match(rulesOf('nat', 'KUBE-SERVICES', plan)[1] ?? '', /^-d 203.0.113.9\/32 .* -j KUBE-FW-YK2SNH4V42VSDWIJ$/);
    assert.deepEqual(rulesOf('nat', 'KUBE-FW-', plan), [
      `-s 192.0.2.0/24 ${balancer} -j KUBE-EXT-YK2SNH4V42VSDWIJ`,
      `-s 203.0.113.9/32 ${balancer} -j KUBE-EXT-YK2SNH4V42VSDWIJ`,
      '-m comment --comment "other traffic to default/nginx:web will be dropped by KUBE-PROXY-FIREWALL"',
    ]);
    assert.deepEqual(rulesOf('filter', 'KUBE-PROXY-FIREWALL', plan), [
      '-d 203.0.113.9/32 -p tcp -m comment --comment "default/nginx:web traffic not accepted by KUBE-FW-YK2SNH4V42VSDWIJ" -m tcp --dport 80 -j DROP',
    ]);
  });

  it('serve node ports on every address, or on those that were chosen', () => {
    const ports = [{ name: 'web', protocol: 'tcp', port: 80, nodePort: 30080 } as const];
    const plan = planned({ ports, clusterAddresses: ['10.0.33.45', 'fd00:96::5'].map(parseAddress) }, [
      ...TWO,
      endpoint('fd00:240::28'),
    ]);
    const last = (family: Family, surroundings = SURROUNDINGS) =>
      rulesOf('nat', 'KUBE-SERVICES', plan, family, surroundings).slice(1);
    const note = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"';
    assert.deepEqual(last(4), [`${note} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`]);
    assert.deepEqual(last(6), [`! -d ::1/128 ${note} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS`]);
    const chosen = { ...SURROUNDINGS, nodePortAddresses: [parseAddress('192.0.2.77')] };
    assert.deepEqual(last(4, chosen), [`-d 192.0.2.77/32 ${note} -j KUBE-NODEPORTS`]);
    assert.deepEqual(rulesOf('nat', 'KUBE-NODEPORTS', plan, 6), [
      '-p tcp -m comment --comment default/nginx:web -m tcp --dport 30080 -j KUBE-EXT-YK2SNH4V42VSDWIJ',
    ]);
    assert.match(rulesOf('nat', 'KUBE-SEP-', plan, 6).join('\n'), /DNAT --to-destination \[fd00:240::28\]:80/);
  });

  it('choose evenly, in the steps that the kernel knows', () => {
    assert.deepEqual([1 / 2, 1 / 3, 1 / 7].map(formatProbability), ['0.50000000000', '0.33333333349', '0.14285714272']);
  });
});
