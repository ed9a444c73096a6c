import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { parseAddress } from '../address/address.ts';
import type { Attachment, Wiring } from '../cni/attachment.ts';
import { formatNetwork } from '../host/change-text.ts';
import { ModelNamespace } from '../host/model-namespace.ts';
import { diffNetworks } from '../host/network-diff.ts';
import { EMPTY_NETWORK, type OwnedNetwork, type OwnedState } from '../host/owned-state.ts';
import { diffStates } from '../host/state-diff.ts';
import { formatRuleset } from '../netfilter/format-ruleset.ts';
import type { Chain } from '../netfilter/node.ts';
import { announcedDirectory, arbitraryHosts, attachment, nodeInput, plannedHost, SETTINGS } from '../plan/arbitrary.ts';
import type { NodePlan } from '../plan/node-plan.ts';
import type { NodeSettings } from '../plan/node-settings.ts';
import { planNode } from '../plan/plan-node.ts';
import { renderNode } from './node.ts';
import { diffPod } from './pod.ts';

const FAMILIES = [4, 6] as const;
const SHAPE = { families: FAMILIES, backend: 'auto' } as const;
/** A neighbour, and a host behind a router. */
const HOSTS = [1, 1, 2].map((subnet, number) => plannedHost({ ...SHAPE, subnet, number }));
const [HOST] = HOSTS;
assert.ok(HOST !== undefined);

function planOf(attachments: readonly Attachment[], settings: NodeSettings = SETTINGS): NodePlan {
  const { plan } = planNode(nodeInput(HOST ?? assert.fail(), announcedDirectory(HOSTS), { attachments, settings }));
  return plan ?? assert.fail();
}

/** The rows of a node and its pods, a line each. */
function text({ host, pods }: OwnedState): string {
  const podTexts = Array.from(pods, ([namespace, network]) => [`# pod ${namespace}`, ...formatNetwork(network)]);
  return `${[['# host', ...formatNetwork(host)], ...podTexts].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function golden(name: string): string {
  return readFileSync(path.join(import.meta.dirname, 'golden', name), 'utf8');
}

/** Chains that packets come to by themselves. */
function hooked({ host }: OwnedState): readonly Chain[] {
  return host.tables.flatMap(({ chains }) => chains).filter(({ base }) => base !== undefined);
}

describe('renderNode', () => {
  it('wires pods point to point', () => {
    assert.equal(text(renderNode(planOf([attachment(HOST, 0)]))), golden('point-to-point.txt'));
  });

  it('wires pods to a bridge', () => {
    const plan = planOf([attachment(HOST, 0, { wiring: 'bridge' })], { ...SETTINGS, wiring: 'bridge' });
    assert.equal(text(renderNode(plan)), golden('bridge.txt'));
  });

  it('guards pods, and masquerades what they send out of the cluster', () => {
    const { tables } = renderNode(planOf([attachment(HOST, 0)])).host;
    assert.equal(formatRuleset({ tables }), golden('tables.nft'));
  });

  it('registers no hook that nothing needs', () => {
    const plan = planOf([], { ...SETTINGS, masquerade: 'off' });
    assert.deepEqual(hooked(renderNode(plan)), []);
  });

  it('masquerades by one rule a family, asked once a connection', () => {
    assert.deepEqual(
      hooked(renderNode(planOf([]))).map(({ base, rules }) => [base?.type, base?.hook, rules.length]),
      [
        ['nat', 'postrouting', 1],
        ['nat', 'postrouting', 1],
      ],
    );
  });

  it('makes a routing rule only where a peer is reached by a tunnel', () => {
    const rules = (count: number) => {
      const some = HOSTS.slice(0, count);
      const { plan } = planNode(nodeInput(HOST, announcedDirectory(some)));
      return renderNode(plan ?? assert.fail()).host.rules.length;
    };
    assert.equal(rules(2), 0);
    assert.equal(rules(3), FAMILIES.length);
  });

  it('accepts router advertisements before it forwards', () => {
    const [uplink] = HOST.facts.uplinks;
    assert.ok(uplink !== undefined);
    const facts = { ...HOST.facts, uplinks: [{ ...uplink, acceptsRouterAdvertisements: true }] };
    const { plan } = planNode({ ...nodeInput(HOST, announcedDirectory(HOSTS)), facts });
    const settings = renderNode(plan ?? assert.fail()).host.sysctls.map(({ key, value }) => `${key}=${value}`);
    const accept = settings.indexOf('net.ipv6.conf.eth0.accept_ra=2');
    assert.ok(accept >= 0 && accept < settings.indexOf('net.ipv6.conf.all.forwarding=1'));
  });

  it("lets pods' packets pass a foreign chain that drops, if told to", () => {
    const drop = { family: 'ip', table: 'filter', chain: 'FORWARD' } as const;
    const facts = { ...HOST.facts, forwardDropped: [drop] };
    const insertions = (allowForward: 'leave' | 'insert') => {
      const settings = { ...SETTINGS, allowForward };
      const { plan } = planNode({ ...nodeInput(HOST, announcedDirectory(HOSTS), { settings }), facts });
      return renderNode(plan ?? assert.fail()).host.insertions ?? [];
    };
    assert.deepEqual(insertions('leave'), []);
    const [insertion, ...others] = insertions('insert');
    assert.deepEqual(others, []);
    assert.deepEqual(insertion?.table, { family: 'ip', name: 'filter' });
    assert.deepEqual(insertion.into, ['FORWARD']);
    assert.equal(insertion.chain.rules.length, 2);
  });
});

describe('diffPod', () => {
  const arbitraryAttachments = fc.array(
    fc.record({
      wiring: fc.constantFrom<Wiring>('point-to-point', 'bridge'),
      allowSpoofing: fc.boolean(),
      mtu: fc.constantFrom(1430, 1500),
      single: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5 },
  );

  /** A namespace with what must be there, made from nothing. */
  function applied(network: OwnedNetwork): ModelNamespace {
    const namespace = new ModelNamespace(['eth0']);
    for (const change of diffNetworks(EMPTY_NETWORK, network)) namespace.apply(change);
    return namespace;
  }

  it('leads where the plan of the whole node leads, when a pod comes and when it goes', () => {
    fc.assert(
      fc.property(
        arbitraryHosts,
        arbitraryAttachments,
        fc.constantFrom<Wiring>('point-to-point', 'bridge'),
        (hosts, pods, wiring) => {
          const [host] = hosts;
          assert.ok(host !== undefined);
          const attachments = pods.map(({ single, ...rest }, number) => {
            const made = attachment(host, number, { ...rest, wiring });
            return single ? { ...made, addresses: made.addresses.slice(0, 1) } : made;
          });
          const directory = announcedDirectory(hosts);
          const rendered = (some: readonly Attachment[]) => {
            const settings = { ...SETTINGS, wiring };
            const { plan } = planNode(nodeInput(host, directory, { attachments: some, settings }));
            assert.ok(plan !== undefined);
            return { plan, state: renderNode(plan) };
          };
          const all = rendered(attachments);
          const others = rendered(attachments.slice(0, -1));
          const last = attachments.at(-1);
          assert.ok(last !== undefined);

          const coming = applied(others.state.host);
          const pod = applied({ ...EMPTY_NETWORK, links: [] });
          for (const { namespace, changes } of diffPod(undefined, last, all.plan)) {
            if (namespace !== undefined)
              pod.links.set('eth0', { name: 'eth0', kind: { kind: 'pod-end' }, mtu: 1, up: false });
            for (const change of changes) (namespace === undefined ? coming : pod).apply(change);
          }
          assert.deepEqual(diffNetworks(coming.network(), all.state.host), []);
          assert.deepEqual(diffNetworks(pod.network(), all.state.pods.get(last.namespacePath) ?? assert.fail()), []);

          const going = applied(all.state.host);
          for (const { namespace, changes } of diffPod(last, undefined, all.plan)) {
            assert.equal(namespace, undefined);
            for (const change of changes) going.apply(change);
          }
          assert.deepEqual(diffNetworks(going.network(), others.state.host), []);
          assert.equal(going.links.size, others.state.host.links.length);
        },
      ),
    );
  });

  it('moves a whole node from one plan to any other', () => {
    fc.assert(
      fc.property(arbitraryHosts, arbitraryHosts, (before, after) => {
        const states = [before, after].map((hosts) => {
          const [host] = hosts;
          const { plan } = planNode(nodeInput(host ?? assert.fail(), announcedDirectory(hosts)));
          return renderNode(plan ?? assert.fail());
        });
        const [from, to] = states;
        assert.ok(from !== undefined && to !== undefined);
        const namespace = applied(from.host);
        for (const { changes } of diffStates({ host: namespace.network(), pods: new Map() }, to))
          for (const change of changes) namespace.apply(change);
        assert.deepEqual(diffNetworks(namespace.network(), to.host), []);
      }),
    );
  });

  it('puts the filter of the host end in place before the pod end comes up', () => {
    const steps = diffPod(undefined, attachment(HOST, 0), planOf([])).flatMap(({ namespace, changes }) =>
      changes.map(({ kind }) => `${namespace === undefined ? 'host' : 'pod'} ${kind}`),
    );
    assert.ok(steps.indexOf('host add-link') < steps.indexOf('host change-tables'));
    assert.ok(steps.indexOf('host change-tables') < steps.indexOf('pod update-link'));
    assert.ok(steps.indexOf('pod set-sysctl') < steps.indexOf('pod update-link'));
  });

  it('gives every packet of a pod that opted out a way', () => {
    const spoofing = attachment(HOST, 0, { allowSpoofing: true, addresses: [parseAddress('10.244.0.7')] });
    const changes = diffPod(undefined, spoofing, planOf([])).flatMap((steps) => steps.changes);
    assert.ok(!changes.some(({ kind }) => kind === 'change-tables'));
    assert.ok(changes.some((change) => change.kind === 'set-sysctl' && change.setting.key.endsWith('veth0.rp_filter')));
  });
});
