import { isDeepStrictEqual } from 'node:util';
import { type Address, sameAddress } from '../address/address.ts';
import { FAMILIES, type Family } from '../address/family.ts';
import type { Attachment } from '../cni/attachment.ts';
import { describeError, FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import type { ChangeResult } from '../kernel/change-applier.ts';
import { restoreIptables, saveIptables } from '../kernel/iptables-program.ts';
import { TurnBudget } from '../kube/turn-budget.ts';
import { diffTables } from '../netfilter/diff-tables.ts';
import type { IptablesRuleset } from '../netfilter/iptables/node.ts';
import type { HostFacts } from '../plan/host-facts.ts';
import type { PeerDirectory } from '../plan/peer-directory.ts';
import { planStaleFlows } from '../plan/service/plan-conntrack.ts';
import { planPortMappings, portMappingKey } from '../plan/service/plan-port-mappings.ts';
import { nodeLocation, planServiceNamed, planServices } from '../plan/service/plan-services.ts';
import type { PlannedService, ServicePlan } from '../plan/service/service-plan.ts';
import { serviceSysctls } from '../render/iptables/base-rules.ts';
import { hasForeignProxy, OWNER_CHAIN, planRestore, withOwner } from '../render/iptables/restore-plan.ts';
import { renderServiceRuleset } from '../render/iptables/service-ruleset.ts';
import { CLOSE_LOOPBACK } from '../render/service/service-tables.ts';
import type { AgentLogger } from './agent-logger.ts';
import type { HostKernel } from './host-kernel.ts';
import type { ServiceReconcilerOptions } from './service-reconciler.ts';
import { staleFlowDeletion } from './stale-flow-deletion.ts';

type ServiceChange = readonly [string, PlannedService | undefined];

export interface IptablesServiceReconcilerOptions extends ServiceReconcilerOptions {
  readonly kernel: ServiceReconcilerOptions['kernel'] &
    Pick<HostKernel, 'countForeignTableChanges' | 'disregardTableChanges' | 'readServiceTables' | 'applyTables'>;
}

const NO_RULES: IptablesRuleset = { tables: [] };
/** Reconciliations after which the rules are read once more: nothing tells of changes to those of legacy iptables. */
const READ_EVERY = 10;

/**
 * Keeps services as kube-proxy's iptables rules, for hosts where something relies on these: by the programs iptables-save
 * and iptables-restore, at a cost that grows with the number of services. Whoever calls sees to it that nothing runs
 * twice at once.
 */
export class IptablesServiceReconciler {
  readonly #options: IptablesServiceReconcilerOptions;
  /** The rules that were last loaded; absent where somebody else may have changed them. */
  #loaded: Readonly<Record<Family, IptablesRuleset>> | undefined;
  #plan: ServicePlan | undefined;
  #untilRead = READ_EVERY;
  /** Changes of others that are known already. */
  #foreignChanges = 0;

  constructor(options: IptablesServiceReconcilerOptions) {
    this.#options = options;
  }

  /** Somebody may have changed the rules: they are read and compared the next time. */
  distrust(): void {
    this.#loaded = undefined;
  }

  /**
   * Plans everything and brings the kernel to it. Until the API has listed all services, what a former agent has left
   * stays in force.
   * @throws FlatnetError `conflict` where a kube-proxy's rules are there
   */
  async reconcile(facts: HostFacts, directory: PeerDirectory): Promise<readonly ChangeResult[]> {
    const { kernel, node, configuration, cluster, attachments } = this.#options;
    if (!cluster.servicesSynced) return [];
    cluster.takeChanges();
    const { nodePortAddresses } = configuration;
    const plan = planServices({
      node,
      cluster: cluster.state,
      configuration: configuration.cluster,
      facts,
      attachments: attachments(),
      settings: nodePortAddresses === undefined ? {} : { nodePortAddresses },
      directory,
    });
    if (--this.#untilRead <= 0) this.distrust();
    await this.#follow({ ...plan, services: withUnchanged(plan.services, this.#plan?.services) });
    // What an agent in mode nft has left comes second to these rules, and is in nobody's care.
    const changes = diffTables(kernel.readServiceTables(), []);
    if (changes.length === 0) return [];
    await kernel.applyTables(changes);
    return [{ change: { kind: 'change-tables', changes } }];
  }

  /** Carries out what the API has said of services since. @throws FlatnetError */
  async change(): Promise<void> {
    const { cluster, node } = this.#options;
    if (this.#plan === undefined || !cluster.servicesSynced) return;
    const { services, endpoints } = cluster.takeChanges();
    const location = nodeLocation(cluster.state, node);
    const keys = new Set([...services, ...endpoints]);
    await this.#change(Array.from(keys, (key) => [key, planServiceNamed(cluster.state, key, location)]));
  }

  /** Opens and closes the host ports of a pod that comes or goes. @throws FlatnetError */
  async changeAttachment(before: Attachment | undefined, after: Attachment | undefined): Promise<void> {
    const removed: readonly ServiceChange[] = before === undefined ? [] : [[portMappingKey(before), undefined]];
    const added: readonly ServiceChange[] =
      after === undefined ? [] : [[portMappingKey(after), planPortMappings(after)]];
    await this.#change([...removed, ...added]);
  }

  /** Closes the host ports of pods that are gone. @throws FlatnetError */
  async changeAttachments(): Promise<void> {
    const present = new Set(this.#options.attachments().map(portMappingKey));
    const keys = [...(this.#plan?.services.keys() ?? [])];
    const gone = keys.filter((key) => key.startsWith('host-port ') && !present.has(key));
    await this.#change(gone.map((key) => [key, undefined]));
  }

  async #change(changed: readonly ServiceChange[]): Promise<void> {
    if (this.#plan === undefined) return;
    const services = new Map(this.#plan.services);
    let differs = false;
    for (const [key, after] of changed) {
      differs ||= after !== undefined || services.has(key);
      if (after === undefined) services.delete(key);
      else services.set(key, after);
    }
    if (differs) await this.#follow({ ...this.#plan, services });
  }

  #tablesChanged(): boolean {
    try {
      const count = this.#options.kernel.countForeignTableChanges();
      const changed = count > this.#foreignChanges;
      this.#foreignChanges = count;
      return changed;
    } catch (error) {
      // a load is under way on the socket
      if (isFlatnetError(error, 'unavailable')) return true;
      throw error;
    }
  }

  async #follow(plan: ServicePlan): Promise<void> {
    const { kernel, configuration, onPlanned } = this.#options;
    const { clusterPrefixes } = configuration.cluster;
    const desired = {
      4: withOwner(renderServiceRuleset(plan, 4, clusterPrefixes)),
      6: withOwner(renderServiceRuleset(plan, 6, clusterPrefixes)),
    };
    const loaded = this.#tablesChanged() ? undefined : this.#loaded;
    this.#loaded = undefined;
    if (loaded === undefined) this.#untilRead = READ_EVERY;
    for (const family of FAMILIES) await bring(family, loaded?.[family], desired[family]);
    // What iptables-restore has changed would count as others' doing.
    kernel.disregardTableChanges();
    this.#loaded = desired;
    kernel.applySysctls(serviceSysctls(plan.surroundings));
    const before = this.#plan?.services ?? new Map<string, PlannedService>();
    this.#plan = plan;
    const keys = new Set([...before.keys(), ...plan.services.keys()]);
    const changed = [...keys].filter((key) => before.get(key) !== plan.services.get(key));
    const stale = changed.flatMap((key) => planStaleFlows(before.get(key), plan.services.get(key)));
    const own = [...plan.surroundings.nodePortAddresses, ...plan.surroundings.peerNodePortAddresses];
    const isNodeAddress = (address: Address) => own.some((one) => sameAddress(one, address));
    await new TurnBudget().run(staleFlowDeletion(kernel.flows, stale, isNodeAddress));
    onPlanned(plan.services);
  }
}

/** The same plans, those that are as they were being the very same: they need no rendering and no look. */
function withUnchanged(
  services: ReadonlyMap<string, PlannedService>,
  before: ReadonlyMap<string, PlannedService> | undefined,
): ReadonlyMap<string, PlannedService> {
  if (before === undefined) return services;
  return new Map(
    Array.from(services, ([key, planned]) => {
      const known = before.get(key);
      return [key, isDeepStrictEqual(known, planned) ? (known ?? planned) : planned];
    }),
  );
}

/** Brings a family's rules from those that are known to be there, or else are read, to the desired ones. */
async function bring(family: Family, known: IptablesRuleset | undefined, desired: IptablesRuleset): Promise<void> {
  const present = known ?? (await saveIptables(family));
  if (hasForeignProxy(present))
    throw new FlatnetError({
      operation: 'load services',
      code: 'conflict',
      message: `the chain KUBE-SERVICES of ${family === 4 ? 'iptables' : 'ip6tables'} is another proxy's`,
      remedy: 'stop kube-proxy on this host and run `kube-proxy --cleanup`, or set serviceMode to nft or off',
    });
  const text = planRestore(present, desired);
  if (text !== undefined) await restoreIptables(family, text);
}

/**
 * Removes the rules that an agent in mode iptables has left, told by their mark, and before them what they made safe;
 * without the mark no program is started. Those
 * that legacy iptables holds can't be seen this way.
 * @returns the families that had some
 * @throws FlatnetError where iptables-restore fails or is gone
 */
export async function removeServiceRules(
  kernel: Pick<HostKernel, 'hasChain' | 'applySysctls'>,
): Promise<readonly Family[]> {
  const families = FAMILIES.filter((family) => kernel.hasChain(family === 4 ? 'ip' : 'ip6', 'nat', OWNER_CHAIN));
  if (families.includes(4)) kernel.applySysctls(CLOSE_LOOPBACK);
  for (const family of families) await bring(family, undefined, NO_RULES);
  return families;
}

/** The same for an agent that starts: a failure is logged, as what is left does no more harm than to stay as it is. */
export async function dropServiceRules(
  kernel: Pick<HostKernel, 'hasChain' | 'applySysctls'>,
  log: AgentLogger,
): Promise<void> {
  try {
    const families = await removeServiceRules(kernel);
    if (families.length > 0)
      log.info({ families }, 'removed the iptables rules of services that a former agent has left');
  } catch (error) {
    log.warn({}, describeError(error));
  }
}
