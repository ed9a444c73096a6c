import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import type { Node } from '../../kube/objects/node.ts';
import type { Pod } from '../../kube/objects/pod.ts';
import { hostPortsOf } from './host-ports.ts';

const node: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1' },
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.1.2.3' },
      { type: 'Hostname', address: 'n1' },
    ],
  },
};

const pod = (spec: Pod['spec']): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  ...(spec && { spec }),
});

const containers = (port: object) => [{ name: 'c', ports: [{ containerPort: 80, ...port }] }];

describe('host ports of pods', () => {
  it('are at the addresses of their node, or at the one that they name', () => {
    const pods = [
      pod({ nodeName: 'n1', containers: containers({ hostPort: 8080 }) }),
      pod({ nodeName: 'n1', containers: containers({ hostPort: 53, protocol: 'UDP', hostIP: '10.1.2.9' }) }),
    ];
    assert.deepEqual(hostPortsOf({ nodes: [node], pods }), [
      { protocol: 'tcp', port: 8080, addresses: [parseAddress('10.1.2.3')] },
      { protocol: 'udp', port: 53, addresses: [parseAddress('10.1.2.9')] },
    ]);
  });

  it("are none where the pod is on its host's network, has no node yet, or asks for none", () => {
    const pods = [
      pod({ nodeName: 'n1', hostNetwork: true, containers: containers({ hostPort: 80 }) }),
      pod({ containers: containers({ hostPort: 80 }) }),
      pod({ nodeName: 'n1', containers: containers({}) }),
    ];
    assert.deepEqual(hostPortsOf({ nodes: [node], pods }), []);
    assert.deepEqual(hostPortsOf({}), []);
  });
});
