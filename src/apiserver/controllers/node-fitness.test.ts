import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../kube/objects/node.ts';
import type { NodeSelectorRequirement, Pod, PodSpec } from '../../kube/objects/pod.ts';
import { nodeSelectorFits, reasonAgainst, toleratesTaint } from './node-fitness.ts';

function pod(spec: PodSpec): Pod {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec };
}

function node(fields: Partial<Node> = {}, ready: 'True' | 'False' = 'True'): Node {
  const status = { conditions: [{ type: 'Ready', status: ready }] };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    status,
    metadata: { name: 'n', labels: { zone: 'a', cores: '8' } },
    ...fields,
  };
}

function affinity(...matchExpressions: NodeSelectorRequirement[]): PodSpec {
  const required = { nodeSelectorTerms: [{ matchExpressions }] };
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } };
}

describe('node fitness', () => {
  it('follows selectors and required affinity', () => {
    const fits = (spec: PodSpec) => nodeSelectorFits(pod(spec), node());
    assert.ok(fits({ nodeSelector: { zone: 'a' } }));
    assert.ok(!fits({ nodeSelector: { zone: 'b' } }));
    assert.ok(
      fits(
        affinity({ key: 'zone', operator: 'In', values: ['a', 'b'] }, { key: 'cores', operator: 'Gt', values: ['4'] }),
      ),
    );
    assert.ok(!fits(affinity({ key: 'zone', operator: 'NotIn', values: ['a'] })));
    assert.ok(!fits(affinity({ key: 'gpu', operator: 'Exists' })));
    assert.ok(fits(affinity({ key: 'gpu', operator: 'DoesNotExist' })));
    assert.ok(!fits(affinity()), 'a term that says nothing picks nothing');
  });

  it('tolerates as the API defines it', () => {
    const taint = { key: 'k', value: 'v', effect: 'NoSchedule' } as const;
    assert.ok(toleratesTaint({ key: 'k', value: 'v' }, taint));
    assert.ok(toleratesTaint({ operator: 'Exists' }, taint));
    assert.ok(toleratesTaint({ key: 'k', operator: 'Exists', effect: 'NoSchedule' }, taint));
    assert.ok(!toleratesTaint({ key: 'k', value: 'x' }, taint));
    assert.ok(!toleratesTaint({ key: 'k', operator: 'Exists', effect: 'NoExecute' }, taint));
    assert.ok(!toleratesTaint({}, taint));
  });

  it('says why not', () => {
    const tainted = node({ spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
    assert.equal(reasonAgainst(pod({}), tainted, []), 'node(s) had untolerated taint {k: v}');
    assert.equal(reasonAgainst(pod({}), node({}, 'False'), []), 'node(s) were not ready');
    assert.equal(reasonAgainst(pod({}), node({ spec: { unschedulable: true } }), []), 'node(s) were unschedulable');
    const web = pod({ containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080 }] }] });
    assert.match(reasonAgainst(web, node(), [web]) ?? '', /free ports/);
    const datagrams = pod({
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 8080, protocol: 'UDP' }] }],
    });
    assert.equal(reasonAgainst(web, node(), [datagrams]), undefined);
  });
});
