import type { ClusterPod } from '../cluster/cluster-state.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { DetachTarget, PodNetwork, PodNetworkParameters, Readiness as PodReadiness } from '../cni/pod-network.ts';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import { formatChange } from '../host/change-text.ts';
import { isOwnAlias } from '../host/owned-network.ts';
import { retirePodInterface } from '../kernel/pod-interface.ts';
import { readLink } from '../kernel/rtnetlink/link-table.ts';
import { podGateways } from '../render/pod.ts';
import type { HostKernel } from './host-kernel.ts';
import type { NodeReconciler } from './node-reconciler.ts';
import type { Readiness } from './readiness.ts';

export interface AgentPodNetworkOptions {
  readonly kernel: HostKernel;
  readonly reconciler: NodeReconciler;
  readonly readiness: Readiness;
  /** A pod of this node as the API has it; undefined where it isn't known in time. */
  readonly findPod: (namespace: string, name: string) => Promise<Pick<ClusterPod, 'annotations'> | undefined>;
  /** A pod came or went: for figures. */
  readonly onChange: () => void;
}

/** Wires pods by planning and applying, as the reconciliation does. */
export class AgentPodNetwork implements PodNetwork {
  readonly #options: AgentPodNetworkOptions;

  constructor(options: AgentPodNetworkOptions) {
    this.#options = options;
  }

  readiness(): PodReadiness {
    const { reconciler, readiness } = this.#options;
    const { plan } = reconciler;
    const failed = readiness.failed;
    if (failed !== undefined || plan === undefined) {
      const why = failed === undefined ? 'the node has no plan yet' : `${failed.name}: ${failed.message}`;
      return { state: 'unready', why, podsAffected: plan !== undefined };
    }
    const parameters: PodNetworkParameters = {
      podPrefixes: plan.podPrefixes,
      wiring: plan.wiring,
      mtu: plan.podMtu,
      gateways: podGateways(plan),
    };
    return { state: 'ready', parameters };
  }

  async podAnnotations(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined> {
    return (await this.#options.findPod(namespace, name))?.annotations;
  }

  async attach(attachment: Attachment): Promise<void> {
    await this.#options.reconciler.changePod(undefined, attachment);
    this.#options.onChange();
  }

  async detach(target: DetachTarget): Promise<void> {
    const { reconciler, kernel, onChange } = this.#options;
    const { namespacePath, interfaceName, hostLink } = target;
    const link = readLink(kernel.socket, hostLink)?.link;
    const ours = link !== undefined && isOwnAlias(link.alias);
    if (ours && namespacePath !== undefined && link.kind.kind === 'veth' && link.kind.peerIndex !== undefined)
      retirePodInterface(namespacePath, interfaceName, link.kind.peerIndex);
    if (!ours || !isWhole(target) || !(await this.#removeAsMade(target))) await reconciler.removePod(hostLink);
    onChange();
  }

  /** By what was made, without a look at what is there; false where some of it isn't there any more. */
  async #removeAsMade(attachment: Attachment): Promise<boolean> {
    try {
      await this.#options.reconciler.changePod(attachment, undefined);
      return true;
    } catch (error) {
      if (isFlatnetError(error, 'not-found')) return false;
      throw error;
    }
  }

  async check(attachment: Attachment): Promise<void> {
    const [first, ...others] = await this.#options.reconciler.inspectPod(attachment);
    if (first === undefined) return;
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    throw new FlatnetError({
      operation: 'check pod',
      code: 'conflict',
      message: `the interface ${attachment.interfaceName} of container ${attachment.containerId} is not as it was made: to do: ${formatChange(first)}${more}`,
      remedy: 'the agent repairs it within its resyncInterval; if it does not, delete the pod',
    });
  }

  async isWired(attachment: Attachment): Promise<boolean> {
    const link = readLink(this.#options.kernel.socket, attachment.hostLink)?.link;
    return link !== undefined && isOwnAlias(link.alias);
  }
}

/** All but the namespace's path is known: enough to render what must go. */
function isWhole(target: DetachTarget): target is Attachment {
  return target.addresses !== undefined && target.wiring !== undefined && target.mac !== undefined;
}
