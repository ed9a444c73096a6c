import { rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { removeNetworkConfiguration } from '../cni/network-configuration-file.ts';
import { removeShim } from '../cni/shim-installation.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Change } from '../host/change.ts';
import { diffNetworks } from '../host/network-diff.ts';
import { ownedOf } from '../host/owned-network.ts';
import { EMPTY_NETWORK, OWNED } from '../host/owned-state.ts';
import { failureOf } from '../kernel/change-applier.ts';
import type { TableListing } from '../kernel/nftables/ruleset-reader.ts';
import { RulesetSession } from '../kernel/nftables/ruleset-session.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import { GUARD_CHAIN } from '../render/service/service-chain.ts';
import { CLOSE_LOOPBACK } from '../render/service/service-tables.ts';
import { type AgentConfiguration, cniSocketIn } from './agent-configuration.ts';
import { HostKernel } from './host-kernel.ts';
import { removeServiceRules } from './iptables-service-reconciler.ts';
import { NETWORK_NAME } from './network-publication.ts';

export interface CleanupOptions {
  /** Where the agent had its files. */
  readonly configuration: AgentConfiguration;
  /** Removes what an agent remembers too: attachments, pod addresses, nodes. Addresses may then be given anew. */
  readonly state: boolean;
}

/** What was removed. */
export interface Cleanup {
  readonly changes: readonly Change[];
  readonly tables: readonly string[];
  readonly files: readonly string[];
}

const OWN_TABLES: ReadonlySet<string> = new Set([OWNED.table, OWNED.serviceTable]);

/**
 * Removes all that is ours from this host: what runtimes are told first, then everything in the kernel that bears our
 * marks, pods' interfaces among it. Sysctls stay, for who else needs them isn't known, but for the one that is safe with
 * our tables alone; so does what isn't ours.
 * @throws FlatnetError `conflict` while an agent runs, before anything is done; else of the first thing that could not be
 *   removed, after the rest was
 */
export async function cleanUpHost({ configuration, state }: CleanupOptions): Promise<Cleanup> {
  using session = RulesetSession.open();
  const tables = session.list().filter(({ name }) => OWN_TABLES.has(name));
  await refuseWhileAgentRuns(tables, cniSocketIn(configuration.runDirectory));

  removeNetworkConfiguration({ directory: configuration.cni.configurationDirectory, network: NETWORK_NAME });
  removeShim(configuration.cni.binDirectory);
  const files = [configuration.cni.configurationDirectory, configuration.cni.binDirectory];

  // It was opened for node ports at 127.0.0.1, and without our guard anybody could reach what listens there.
  const guarded = tables.some(({ chains }) => chains.some(({ name }) => name === GUARD_CHAIN));
  if (guarded) for (const { key, value } of CLOSE_LOOPBACK) writeSysctl(key, value);
  session.apply(tables.map((table) => ({ kind: 'remove-table', table })));
  const changes = await removeOwned();
  if (state) {
    const { stateDirectory, addressDirectory, runDirectory } = configuration;
    const directories = [stateDirectory, path.join(addressDirectory, NETWORK_NAME), runDirectory];
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    files.push(...directories);
  }
  return { changes, tables: tables.map(({ family, name }) => `${family} ${name}`), files };
}

async function removeOwned(): Promise<readonly Change[]> {
  const failures: unknown[] = [];
  const changes = await removeThrough((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
  return changes;
}

/** @param onError told of links that could not be removed in the background, all of which is over when this resolves */
async function removeThrough(onError: (error: unknown) => void): Promise<readonly Change[]> {
  await using kernel = await HostKernel.open(onError);
  const changes = diffNetworks({ ...ownedOf(kernel.readHost()), tables: [] }, EMPTY_NETWORK);
  const failure = failureOf('clean up', await kernel.apply([{ changes }]));
  if (failure !== undefined) throw failure;
  await removeServiceRules(kernel);
  return changes;
}

/** An agent would bring everything back, and it owns its tables. */
async function refuseWhileAgentRuns(tables: readonly TableListing[], socket: string): Promise<void> {
  const owned = tables.find(({ owner }) => owner !== undefined);
  if (owned === undefined && !(await answers(socket))) return;
  const why = owned === undefined ? `it answers on ${socket}` : `it owns table ${owned.family} ${owned.name}`;
  throw new FlatnetError({
    operation: 'clean up',
    code: 'conflict',
    message: `an agent runs on this host: ${why}`,
    remedy: 'stop it first (its DaemonSet, or `systemctl stop` its unit), and see that nothing starts it again',
  });
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
    connection.once('connect', () => resolve(true));
    connection.once('error', () => resolve(false));
    connection.once('close', () => resolve(false));
    connection.once('connect', () => connection.destroy());
  });
}
