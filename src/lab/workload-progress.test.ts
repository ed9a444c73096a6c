import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet } from '../kube/objects/daemon-set.ts';
import type { Deployment } from '../kube/objects/deployment.ts';
import { workloadProgress } from './workload-progress.ts';

const metadata = { name: 'web', namespace: 'default', generation: 2 };
const template = { spec: { containers: [] } };
const selector = {};

describe('workload progress', () => {
  it('counts the replicas of the generation that there is', () => {
    const deployment = (status?: Deployment['status']) =>
      workloadProgress({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: { replicas: 3, selector, template },
        ...(status !== undefined && { status }),
      });
    assert.deepEqual(deployment(), { wanted: undefined, ready: 0 });
    assert.deepEqual(deployment({ observedGeneration: 1, readyReplicas: 3 }), { wanted: undefined, ready: 0 });
    assert.deepEqual(deployment({ observedGeneration: 2 }), { wanted: 3, ready: 0 });
    assert.deepEqual(deployment({ observedGeneration: 2, readyReplicas: 3 }), { wanted: 3, ready: 3 });
  });

  it('takes the number of a daemon set from the nodes that it fits', () => {
    const daemonSet: DaemonSet = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata,
      spec: { selector, template },
      status: { observedGeneration: 2, desiredNumberScheduled: 0, numberReady: 0 },
    };
    assert.deepEqual(workloadProgress(daemonSet), { wanted: 0, ready: 0 });
  });
});
