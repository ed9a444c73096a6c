import { FAMILIES, type Family } from '../address/family.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { NamespaceChanges } from '../host/change.ts';
import { INSERTED_CHAIN } from '../host/insertion.ts';
import type { NetworkState } from '../host/network-state.ts';
import { isOwnAlias, type ObservedNetwork, ownedOf } from '../host/owned-network.ts';
import { EMPTY_NETWORK, OWNED, type OwnedNetwork, type SysctlSetting } from '../host/owned-state.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import { applyChanges, type ChangeResult } from '../kernel/change-applier.ts';
import { FlowTable } from '../kernel/conntrack/flow-table.ts';
import { readLegacyForwardPolicy, readLegacyTables } from '../kernel/legacy-iptables.ts';
import { LinkReaper } from '../kernel/link-reaper.ts';
import { NetlinkSocket } from '../kernel/netlink/netlink-socket.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { readNetworkState } from '../kernel/network-state-reader.ts';
import { RulesetSession } from '../kernel/nftables/ruleset-session.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import { readSysctls } from '../kernel/sysctl-reader.ts';
import type { Clock } from '../kube/clock.ts';
import type { Ruleset, Table, TableFamily } from '../netfilter/node.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import type { LegacyForward } from '../plan/forward-drop.ts';
import type { FoundServices } from '../render/service/found-services.ts';
import { readFoundServices } from './found-service-reader.ts';

/** Milliseconds between looks whether a former agent's socket has gone. */
const OWNER_POLL = 100;

const FORWARDING_KEYS = [
  'net.ipv4.ip_forward',
  'net.ipv6.conf.all.forwarding',
  'net.bridge.bridge-nf-call-iptables',
  'net.bridge.bridge-nf-call-ip6tables',
];

/** The agent's hold on its host's kernel: the sockets that read and write, and what is removed in the background. */
export class HostKernel implements AsyncDisposable {
  readonly #socket: NetlinkSocket;
  readonly #session: RulesetSession;
  readonly #flows: FlowTable;
  readonly #reaper: LinkReaper;
  #foreignTableChanges = 0;
  /** As it was last read, and still is as long as nobody has changed anything but the tables of services. */
  #ruleset: { readonly generation: number; readonly ruleset: Ruleset } | undefined;

  private constructor(reaper: LinkReaper) {
    this.#reaper = reaper;
    this.#socket = NetlinkSocket.open('route');
    this.#session = RulesetSession.open();
    this.#flows = FlowTable.open();
  }

  /** @param onError told of what goes wrong in the background, and is tried again */
  static async open(onError: (error: unknown) => void): Promise<HostKernel> {
    return new HostKernel(await LinkReaper.open({ onError }));
  }

  /** Netlink ports of changes that are our own doing. */
  get ports(): ReadonlySet<number> {
    return new Set([this.#socket.portId(), this.#session.port]);
  }

  /**
   * Takes over the tables that a former agent has left; waits for its socket to close where it is still there.
   * @throws the signal's reason
   */
  async claimTables(clock: Clock, signal: AbortSignal, onWait: (owner: number) => void): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const own = this.#session.list().filter(({ name }) => isOwnTable(name));
      const taken = own.find(({ owner }) => owner !== undefined && owner !== this.#session.port);
      if (taken?.owner === undefined) {
        const orphans = own.filter(({ owner }) => owner === undefined);
        this.#session.apply(orphans.map((table) => ({ kind: 'add-table', table: emptyTable(table) })));
        return;
      }
      onWait(taken.owner);
      await clock.sleep(OWNER_POLL, signal);
    }
  }

  /** The host's own namespace: everything but other people's rules, of whose tables only names, hooks and policies are read. */
  readHost(): NetworkState {
    const state = readNetworkState(this.#socket, {
      sysctls: [],
      readRuleset: () => ({ ruleset: this.#readRuleset(), unknown: [] }),
    });
    const foreign = state.links.filter(({ alias }) => !isOwnAlias(alias));
    const keys = [...FORWARDING_KEYS, ...foreign.map(({ name }) => deviceSysctl(6, name, 'accept_ra'))];
    return { ...state, sysctls: readSysctls(keys) };
  }

  /** What legacy iptables does to forwarded packets, of which nf_tables knows nothing. */
  readLegacyForward(): LegacyForward {
    return Object.fromEntries(FAMILIES.flatMap((family) => legacyForwardOf(family)));
  }

  /** What is ours on the host, with those settings that `desired` cares for. */
  observeHost(state: NetworkState, desired: OwnedNetwork): ObservedNetwork {
    return { ...ownedOf(state), sysctls: settingsOf(readSysctls(desired.sysctls.map(({ key }) => key))) };
  }

  /** What is ours in a pod's namespace; nothing where the namespace is gone. */
  observePod(path: string, desired: OwnedNetwork): ObservedNetwork {
    try {
      using namespace = NetworkNamespace.open(path);
      using socket = NetlinkSocket.open('route', { namespace });
      const state = readNetworkState(socket, { namespace, sysctls: desired.sysctls.map(({ key }) => key) });
      return ownedOf(
        state,
        desired.links.map(({ name }) => name),
      );
    } catch (error) {
      if (isFlatnetError(error, 'not-found')) return EMPTY_NETWORK;
      throw error;
    }
  }

  /** Whether a table, ours or not, has a chain of that name. */
  hasChain(family: TableFamily, table: string, chain: string): boolean {
    const found = this.#session.list().find((listing) => listing.family === family && listing.name === table);
    return found?.chains.some(({ name }) => name === chain) ?? false;
  }

  /**
   * How often others have been found to have changed tables of nf_tables: more than whoever asks was told the last time
   * where they have since. @throws FlatnetError `unavailable` during a load
   */
  countForeignTableChanges(): number {
    if (this.#session.changedByOthers()) this.#foreignTableChanges++;
    return this.#foreignTableChanges;
  }

  /** What has changed in tables up to now counts as our own doing, though it came by another socket. */
  disregardTableChanges(): void {
    this.#session.changedByOthers();
  }

  /** Applies changes in their order, going on after an error. */
  apply(changes: readonly NamespaceChanges[]): Promise<readonly ChangeResult[]> {
    return applyChanges(changes, {
      socket: this.#socket,
      reaper: this.#reaper,
      applyTables: (tables) => this.#session.apply(tables),
    });
  }

  /** Whether nobody else can change our tables as long as we live. */
  get protectsTables(): boolean {
    return this.#session.protects;
  }

  /** The tables of services, packed; others have their turn while they are read. */
  async findServiceTables(): Promise<readonly FoundServices[]> {
    const found: FoundServices[] = [];
    for (const listing of this.#session.list()) {
      const table = listing.name === OWNED.serviceTable ? await readFoundServices(this.#session, listing) : undefined;
      if (table !== undefined) found.push(table);
    }
    return found;
  }

  /** The tables of services, as they are in the kernel. */
  readServiceTables(): readonly Table[] {
    const own = this.#session.list().filter(({ name }) => name === OWNED.serviceTable);
    return own.map((listing) => this.#session.read(listing)).filter((table) => table !== undefined);
  }

  /** Changes the tables of services in one transaction, a large one off the JavaScript thread. */
  applyTables(changes: readonly TableChange[]): Promise<void> {
    return this.prepareTables(changes)();
  }

  /** The same in two steps, of which the first may come before former changes are done: what is returned is the second. */
  prepareTables(changes: readonly TableChange[]): () => Promise<void> {
    const large = isLarge(changes) ? this.#session.prepare(changes) : undefined;
    return () => this.#applyTables(large ?? (async () => this.#session.apply(changes)));
  }

  async #applyTables(apply: () => Promise<void>): Promise<void> {
    const before = this.#session.generation();
    await apply();
    // One step is this change alone.
    const generation = this.#session.generation();
    if (this.#ruleset?.generation === before && generation === before + 1)
      this.#ruleset = { ruleset: this.#ruleset.ruleset, generation };
  }

  /** Sets those of the host's sysctls that are otherwise. */
  applySysctls(settings: readonly SysctlSetting[]): void {
    const present = readSysctls(settings.map(({ key }) => key));
    for (const { key, value } of settings) if (present.get(key) !== value) writeSysctl(key, value);
  }

  /** What connection tracking follows on the host. */
  get flows(): FlowTable {
    return this.#flows;
  }

  /** The route socket of the host's namespace, for look-ups. */
  get socket(): NetlinkSocket {
    return this.#socket;
  }

  /** Finishes what is being removed, and lets go of the kernel; what is ours stays in it. */
  async close(): Promise<void> {
    await this.#reaper.close();
    this.#flows.close();
    this.#session.close();
    this.#socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #readRuleset(): Ruleset {
    const generation = this.#session.generation();
    if (this.#ruleset?.generation !== generation) this.#ruleset = { generation, ruleset: this.#decodeRuleset() };
    return this.#ruleset.ruleset;
  }

  #decodeRuleset(): Ruleset {
    const tables = this.#session.list().flatMap((listing): Table[] => {
      const whole = listing.name === OWNED.table || listing.chains.some(({ name }) => name === INSERTED_CHAIN);
      if (whole) return [this.#session.read(listing)].filter((table) => table !== undefined);
      return [{ ...emptyTable(listing), chains: listing.chains.map((chain) => ({ ...chain, rules: [] })) }];
    });
    return { tables };
  }
}

/** Elements from which a transaction takes more than a turn of the event loop should. */
const LARGE = 1000;

function isLarge(changes: readonly TableChange[]): boolean {
  return changes.reduce((sum, change) => sum + ('elements' in change ? change.elements.length : 1), 0) > LARGE;
}

function legacyForwardOf(family: Family): readonly (readonly [Family, 'accept' | 'drop' | 'unknown'])[] {
  try {
    return readLegacyTables(family).includes('filter') ? [[family, readLegacyForwardPolicy(family)]] : [];
  } catch {
    return [[family, 'unknown']];
  }
}

function isOwnTable(name: string): boolean {
  return name === OWNED.table || name === OWNED.serviceTable;
}

function emptyTable({ family, name }: Pick<Table, 'family' | 'name'>): Table {
  const flags = isOwnTable(name) ? (['owner', 'persist'] as const) : [];
  return { family, name, flags, sets: [], maps: [], chains: [] };
}

function settingsOf(values: ReadonlyMap<string, string>): ObservedNetwork['sysctls'] {
  return Array.from(values, ([key, value]) => ({ key, value }));
}
