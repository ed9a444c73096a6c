import { isFlatnetError } from '../../src/error/flatnet-error.ts';
import type { NetworkState } from '../../src/host/network-state.ts';
import type { RoutingRule } from '../../src/host/route.ts';
import { neighbourTable, routeTable } from '../../src/host/state-table.ts';
import { NLM_F_ACK, NLM_F_REQUEST } from '../../src/kernel/netlink/message.ts';
import { MessageBuilder } from '../../src/kernel/netlink/message-builder.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import type { NetworkNamespace } from '../../src/kernel/network-namespace.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { encodeChange, type MessageChange } from '../../src/kernel/rtnetlink/change-encoder.ts';
import { type LinkTable, readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { readNeighbours, readRoutes, readRules } from '../../src/kernel/rtnetlink/table-reader.ts';
import { writeSysctl } from '../../src/kernel/sysctl.ts';
import { readSysctls } from '../../src/kernel/sysctl-reader.ts';
import type { Table } from '../../src/netfilter/node.ts';
import type { TableName } from '../../src/netfilter/table-change.ts';
import { IptablesLoader } from './iptables-loader.ts';
import { loadNftText } from './nft-loader.ts';
import type { NftText } from './nft-text.ts';
import type { SiteSettings } from './world.ts';

/** NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE: of no flow in particular, of all. */
const DELETE_FLOWS = (1 << 8) | 2;

/** Of the rules that every namespace begins with. */
const FIRST_PRIORITIES: ReadonlySet<number> = new Set([0, 32766, 32767]);

/** Sets one host as a case has it, reads what the kernel then has, and takes it back. */
export class WorldLoader implements Disposable {
  readonly #namespace: NetworkNamespace;
  readonly #route: NetlinkSocket;
  readonly #netfilter: NetlinkSocket;
  readonly #ruleset: RulesetSession;
  readonly #links: LinkTable;
  readonly #iptables: IptablesLoader;
  readonly #lasting: readonly Table[];
  /** What the host has between two cases. */
  readonly first: NetworkState;
  #undo: MessageChange[] = [];
  #tables: TableName[] = [];
  #sysctls: ReadonlyMap<string, string> = new Map();
  /** Parts of cases that the kernel refused, and so are in neither the kernel nor the model; by what it said. */
  readonly refused = new Map<string, number>();

  /**
   * @param variant of the host's iptables
   * @param lasting tables that it has in every case
   */
  constructor(namespace: NetworkNamespace, variant: 'legacy' | 'nf_tables', lasting: readonly Table[]) {
    this.#namespace = namespace;
    this.#iptables = new IptablesLoader(namespace, variant);
    this.#lasting = lasting;
    this.#route = NetlinkSocket.open('route', { namespace });
    this.#netfilter = NetlinkSocket.open('netfilter', { namespace });
    this.#ruleset = RulesetSession.open(namespace);
    this.#links = readLinks(this.#route);
    this.#ruleset.apply(lasting.map((table) => ({ kind: 'add-table', table })));
    const ruleset = { tables: this.#presentTables(this.#iptables.empty) };
    this.first = { ...readNetworkState(this.#route, { namespace }), ruleset };
  }

  /** @returns the host's state as the kernel has it */
  load(settings: SiteSettings): NetworkState {
    for (const route of settings.routes) this.#change({ kind: 'put-route', route }, { kind: 'remove-route', route });
    for (const rule of settings.rules) this.#attempt(() => this.#message({ kind: 'add-rule', rule }));
    if (settings.sysctls.length > 0)
      this.#namespace.run(() => {
        this.#sysctls = readSysctls(settings.sysctls.map(({ key }) => key));
        for (const { key, value } of settings.sysctls) this.#attempt(() => writeSysctl(key, value));
      });
    const { tables: own, refused } = this.#iptables.load(settings.iptables);
    for (const message of refused) this.#note(message);
    this.#tables.push(
      ...this.#ruleset.list().filter(({ name }) => this.#lasting.every((table) => table.name !== name)),
    );
    for (const table of settings.tables)
      if (this.#attempt(() => this.#ruleset.apply([{ kind: 'add-table', table }]))) this.#tables.push(table);
    const texts = settings.texts.flatMap((text) => this.#loadText(text));
    const { first } = this;
    const sysctls = this.#namespace.run(() => readSysctls(this.#sysctls.keys()));
    return {
      ...first,
      routes: routeTable(readRoutes(this.#route, this.#links).map(({ route }) => route)),
      rules: readRules(this.#route),
      sysctls: new Map([...first.sysctls, ...sysctls]),
      neighbours: neighbourTable(readNeighbours(this.#route, this.#links)),
      ruleset: { tables: this.#presentTables([...own, ...texts]) },
    };
  }

  #loadText(text: NftText): readonly Table[] {
    const table = loadNftText(this.#namespace, text);
    if (typeof table === 'string') {
      this.#note(table);
      return [];
    }
    this.#tables.push({ family: 'inet', name: text.name });
    return [table];
  }

  /**
   * In the order in which they were registered: legacy tables have been there all the time.
   * @param read what is read otherwise than by netlink
   */
  #presentTables(read: readonly Table[]): readonly Table[] {
    const left = new Map(read.map((table) => [`${table.family} ${table.name}`, table]));
    const tables = this.#ruleset.list().flatMap((name) => {
      const key = `${name.family} ${name.name}`;
      const own = left.get(key);
      left.delete(key);
      return own ?? this.#ruleset.read(name) ?? [];
    });
    return [...left.values(), ...tables];
  }

  /** Takes back what was set, and what packets left behind: connections, and neighbours that were asked for. */
  unload(): void {
    this.#iptables.unload();
    if (this.#tables.length > 0) this.#ruleset.apply(this.#tables.map((table) => ({ kind: 'remove-table', table })));
    for (const change of this.#undo.reverse()) this.#message(change);
    this.#removeRules();
    this.#namespace.run(() => {
      for (const [key, value] of this.#sysctls) writeSysctl(key, value);
    });
    this.#tables = [];
    this.#undo = [];
    this.#sysctls = new Map();
    this.forget();
  }

  /** The kernel takes a removal for any rule that has all of what it names, so that one may go for another. */
  #removeRules(): void {
    for (let others = this.#otherRules(); others.length > 0; others = this.#otherRules())
      for (const rule of others)
        try {
          this.#message({ kind: 'remove-rule', rule });
        } catch (error) {
          if (!isFlatnetError(error, 'not-found')) throw error;
        }
  }

  #otherRules(): readonly RoutingRule[] {
    return readRules(this.#route).filter(({ priority }) => !FIRST_PRIORITIES.has(priority));
  }

  /** Forgets connections, and neighbours that were asked for. */
  forget(): void {
    const builder = new MessageBuilder(64);
    builder.begin(DELETE_FLOWS, NLM_F_REQUEST | NLM_F_ACK);
    builder.rawBytes(0, 0, 0, 0).end();
    this.#netfilter.request(builder);
    for (const neighbour of readNeighbours(this.#route, this.#links))
      if (neighbour.state !== 'permanent' && neighbour.state !== 'noarp')
        this.#message({ kind: 'remove-neighbour', neighbour });
  }

  #change(change: MessageChange, undo: MessageChange): void {
    if (this.#attempt(() => this.#message(change))) this.#undo.push(undo);
  }

  #message(change: MessageChange): void {
    const builder = new MessageBuilder(256);
    encodeChange(builder, change, this.#links);
    this.#route.request(builder);
  }

  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!isFlatnetError(error)) throw error;
      this.#note(error.message);
      return false;
    }
  }

  #note(refusal: string): void {
    this.refused.set(refusal, (this.refused.get(refusal) ?? 0) + 1);
  }

  [Symbol.dispose](): void {
    this.#route.close();
    this.#netfilter.close();
    this.#ruleset.close();
  }
}
