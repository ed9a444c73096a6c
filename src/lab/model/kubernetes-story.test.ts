import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatAddress } from '../../address/address.ts';
import type { LabStatus, PodStatus } from '../lab-status.ts';
import { kubernetesStory } from './kubernetes-story.ts';

const pod = (name: string, node: string, addresses: string[], ports = [80]): PodStatus => ({
  namespace: 'default',
  name,
  node,
  addresses,
  ready: true,
  phase: 'Running',
  ports,
});

const host = (name: string) => ({
  name,
  subnet: 'lan-1',
  addresses: [],
  podPrefixes: [],
  up: true,
  ready: true,
  pid: 1,
});

const status = (pods: readonly PodStatus[], internet: readonly string[]): LabStatus => ({
  name: 'default',
  model: 'kubernetes',
  phase: 'ready',
  hosts: ['n1', 'n2', 'n3'].map(host),
  pods,
  services: [],
  publications: [],
  internet,
});

describe("the story of Kubernetes' model", () => {
  it('calls a pod on every other node, over IPv4 where there is some, and the outside', () => {
    const pods = [
      pod('a', 'n1', ['fd00::1', '10.0.1.1']),
      pod('b', 'n1', ['10.0.1.2']),
      pod('silent', 'n2', ['10.0.2.9'], []),
      pod('c', 'n2', ['10.0.2.1']),
      pod('d', 'n3', ['fd00::3']),
    ];
    const { steps } = kubernetesStory(status(pods, ['203.0.113.10']), { backend: 'auto', wiring: 'bridge' });
    const sent = steps.map(({ packets }) =>
      packets.map(({ from, address, meant }) => `${from} ${formatAddress(address)} ${meant}`),
    );
    assert.deepEqual(sent, [
      ['pod/default/a 10.0.2.1 pod/default/c'],
      ['node/n1 10.0.1.1 pod/default/a', 'node/n1 10.0.1.2 pod/default/b', 'pod/default/a 10.0.1.2 pod/default/b'],
      ['pod/default/a 10.0.2.1 pod/default/c', 'pod/default/a fd00::3 pod/default/d', 'node/n1 10.0.2.1 pod/default/c'],
      ['pod/default/a 203.0.113.10 the outside'],
    ]);
  });

  it('has nothing to tell without pods, and nothing of an outside that is not there', () => {
    const options = { backend: 'vxlan', wiring: 'point-to-point' } as const;
    assert.deepEqual(kubernetesStory(status([], []), options).steps, []);
    assert.equal(kubernetesStory(status([pod('a', 'n1', ['10.0.1.1'])], []), options).steps.length, 3);
  });
});
