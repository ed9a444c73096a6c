/** Whole clusters of planned hosts in the kernel, with pods, and who reaches whom in them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { formatAddress } from '../../src/address/address.ts';
import { FAMILIES } from '../../src/address/family.ts';
import type { BackendName } from '../../src/cluster/cluster-configuration.ts';
import type { Wiring } from '../../src/cni/attachment.ts';
import { announcedDirectory, nodeInput, plannedHost, SETTINGS } from '../../src/plan/arbitrary.ts';
import type { NodePlan } from '../../src/plan/node-plan.ts';
import type { NodeSettings } from '../../src/plan/node-settings.ts';
import type { PeerDirectory } from '../../src/plan/peer-directory.ts';
import { planNode } from '../../src/plan/plan-node.ts';
import { renderNode } from '../../src/render/node.ts';
import { type KernelHost, plannedNetwork, reaches } from './planned-network.ts';

/** Why tests that need these programs must be skipped; false where all are there. */
export function missing(programs: readonly string[]): string | false {
  const absent = programs.filter((program) => spawnSync(program, ['--help']).error !== undefined);
  return absent.length > 0 && `${absent.join(' and ')} not installed`;
}

export function planOf(host: KernelHost, directory: PeerDirectory, settings: NodeSettings): NodePlan {
  const attachments = host.pods.map((pod) => pod.attachment);
  const { plan, findings } = planNode(nodeInput(host.planned, directory, { attachments, settings }));
  return plan ?? assert.fail(findings.map(({ message }) => message).join('; '));
}

/** Hosts on the subnets given, two pods on each, as their plans ask for. */
export async function cluster(t: TestContext, backend: BackendName, subnets: readonly number[], wiring: Wiring) {
  const planned = subnets.map((subnet, number) => plannedHost({ number, subnet, families: FAMILIES, backend }));
  const { router, hosts } = await plannedNetwork(t, planned);
  const settings = { ...SETTINGS, wiring };
  const directory = announcedDirectory(planned, settings);
  for (const host of hosts) {
    for (let count = 0; count < 2; count++) host.addPod({ wiring });
    await host.reconcile(renderNode(planOf(host, directory, settings)));
  }
  return { router, hosts, directory, settings };
}

/** Everybody who speaks, with the addresses under which everybody else knows it. */
function participants(hosts: readonly KernelHost[]) {
  return hosts.flatMap(({ planned: { node }, namespace, pods }) => [
    { name: node.name, namespace, addresses: node.addresses },
    ...pods.map((pod, number) => ({
      name: `${node.name}/pod-${number}`,
      namespace: pod.namespace,
      addresses: pod.attachment.addresses,
    })),
  ]);
}

/** Every ordered pair of nodes and pods whose packets don't arrive, or don't come back. */
export function silentPairs(hosts: readonly KernelHost[]): readonly string[] {
  const all = participants(hosts);
  return all.flatMap((from) =>
    all
      .filter((to) => to !== from)
      .flatMap((to) =>
        to.addresses
          .filter((address) => !reaches(from.namespace, address))
          .map((address) => `${from.name} → ${to.name} ${formatAddress(address)}`),
      ),
  );
}
