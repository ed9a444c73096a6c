import { constants } from 'node:os';
import { formatPrefix } from '../address/prefix.ts';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import type { Change } from '../host/change.ts';
import { OWNED, type OwnedLink } from '../host/owned-state.ts';
import type { Route } from '../host/route.ts';
import type { TableChange } from '../netfilter/table-change.ts';
import { ChangeBatch } from './change-batch.ts';
import { makeLink, type OtherEnd, otherEnd } from './link-maker.ts';
import type { LinkReaper } from './link-reaper.ts';
import { MessageBuilder } from './netlink/message-builder.ts';
import { NetlinkSocket } from './netlink/netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { devicesOf, encodeChange, isRemoval, type MessageChange } from './rtnetlink/change-encoder.ts';
import type { DecodedLink } from './rtnetlink/link.ts';
import {
  encodeBridgePort,
  encodeLinkRemoval,
  encodeLinkSettings,
  type LinkSettings,
} from './rtnetlink/link-settings.ts';
import { LinkLookup, noSuchLink, readLink } from './rtnetlink/link-table.ts';
import { encodeRoute } from './rtnetlink/route.ts';
import { readRoutes } from './rtnetlink/table-reader.ts';
import { writeSysctl } from './sysctl.ts';

export interface NamespaceApplierContext {
  readonly socket: NetlinkSocket;
  readonly namespace?: NetworkNamespace;
  /** Absent in a pod's namespace, where links come and go with the host's ends. */
  readonly reaper?: LinkReaper;
  /** A link that has just been made here with its other end, by name: the kernel needn't be asked for it. */
  readonly findMade?: (name: string) => DecodedLink | undefined;
  /** Told of ends that were made in other namespaces. */
  readonly onOtherEnd?: (end: OtherEnd) => void;
  readonly applyTables: (changes: readonly TableChange[], namespace?: NetworkNamespace) => void | Promise<void>;
}

/** Applies the changes of one namespace, once. */
export class NamespaceApplier {
  readonly #context: NamespaceApplierContext;
  readonly #names: LinkLookup;
  readonly #batch: ChangeBatch;
  readonly #errors = new Map<number, FlatnetError>();
  /** Links that could not be made. */
  readonly #missing = new Map<string, FlatnetError>();
  /** Links made, and the change that each is of. */
  #unfinished: { readonly link: OwnedLink; readonly change: number }[] = [];
  /** Routes in whose place there was one already. */
  #occupied: { readonly route: Route; readonly change: number }[] = [];

  constructor(context: NamespaceApplierContext) {
    this.#context = context;
    this.#names = new LinkLookup(context.socket);
    this.#batch = new ChangeBatch(context.socket);
  }

  /** @returns the errors by the index of the change that they are of */
  async apply(changes: readonly Change[]): Promise<ReadonlyMap<number, FlatnetError>> {
    for (const [index, change] of changes.entries()) {
      try {
        const step = this.#applyOne(change, index);
        if (step !== undefined) await step;
      } catch (error) {
        this.#fail(index, error);
      }
    }
    this.#finishPuts();
    return this.#errors;
  }

  /** Whatever takes the place of something is there before that something goes. */
  #finishPuts(): void {
    this.#finishLinks();
    this.#batch.flush();
    this.#replaceRoutes();
  }

  #fail(change: number, error: unknown): void {
    if (!isFlatnetError(error)) throw error;
    if (!this.#errors.has(change)) this.#errors.set(change, error);
  }

  #applyOne(change: Change, index: number): Promise<void> | undefined {
    switch (change.kind) {
      case 'add-link':
        return this.#addLink(change.link, index);
      case 'set-sysctl': {
        const write = () => writeSysctl(change.setting.key, change.setting.value);
        this.#batch.flush();
        if (this.#context.namespace === undefined) write();
        else this.#context.namespace.run(write);
        return undefined;
      }
      case 'update-link':
        this.#finishLinks();
        this.#updateLink(change.link, index);
        return undefined;
      case 'remove-link':
        this.#finishPuts();
        return this.#removeLink(change.name);
      case 'change-tables': {
        this.#finishPuts();
        const applied = this.#context.applyTables(change.changes, this.#context.namespace);
        return applied instanceof Promise ? applied : undefined;
      }
      default:
        this.#finishLinks();
        if (isRemoval(change)) this.#finishPuts();
        this.#addMessage(change, index);
        return undefined;
    }
  }

  #addMessage(change: MessageChange, index: number): void {
    const missing = devicesOf(change).find((device) => this.#missing.has(device));
    if (missing !== undefined) {
      this.#fail(index, this.#withoutLink(missing));
      return;
    }
    this.#batch.add(
      (builder) => encodeChange(builder, change, this.#names),
      (error) => {
        if (isRemoval(change) && error.code === 'not-found') return;
        if (error.errno === constants.errno.EEXIST) {
          // The same rule is there already; of a route only its place is known to be taken.
          if (change.kind === 'add-rule') return;
          if (change.kind === 'put-route') {
            this.#occupied.push({ route: change.route, change: index });
            return;
          }
        }
        this.#fail(index, error);
      },
    );
  }

  #withoutLink(name: string): FlatnetError {
    const cause = this.#missing.get(name);
    return new FlatnetError({
      operation: 'apply change',
      code: cause?.code ?? 'not-found',
      message: `the link ${name} could not be made`,
      cause,
    });
  }

  async #addLink(link: OwnedLink, index: number): Promise<void> {
    this.#batch.flush();
    this.#names.forget(link.name);
    try {
      if (this.#context.reaper?.isRetired(link.name) === true) await this.#context.reaper.idle();
      this.#learn(link, makeLink(this.#context.socket, link, this.#names));
    } catch (error) {
      if (isFlatnetError(error)) this.#missing.set(link.name, error);
      throw error;
    }
    this.#unfinished.push({ link, change: index });
  }

  #learn(link: OwnedLink, made: DecodedLink | undefined): void {
    if (made === undefined) return;
    this.#names.learn(link.name, made.link.index);
    const end = otherEnd(link, made);
    if (end !== undefined) this.#context.onOtherEnd?.(end);
  }

  /**
   * Sets what the kernel doesn't take when it makes a link, and brings up those that are to be up, after their sysctls were
   * set. With the alias the mark of the unfinished goes.
   */
  #finishLinks(): void {
    const unfinished = this.#unfinished;
    this.#unfinished = [];
    for (const { link, change } of unfinished)
      this.#batch.add(
        (builder) => {
          const { alias, kind, up } = link;
          encodeSettings(builder, this.#names.indexOf(link.name), link, {
            ...(alias !== undefined && { alias }),
            group: 0,
            ...(kind.kind === 'vxlan' && { addressGeneration: kind.addressGeneration }),
            ...(up && { up }),
          });
        },
        (error) => this.#fail(change, error),
      );
  }

  /** Sets what differs: a MAC set anew, be it the same, would cost the link its neighbours. */
  #updateLink(link: OwnedLink, change: number): void {
    const { name, mtu, mac, alias, master, up } = link;
    this.#batch.flush();
    const decoded = this.#context.findMade?.(name) ?? readLink(this.#context.socket, name);
    if (decoded === undefined) throw noSuchLink(name);
    const present = decoded.link;
    this.#names.learn(name, present.index);
    const masterIndex = master === undefined ? 0 : this.#names.indexOf(master);
    const settings: LinkSettings = {
      ...(mtu !== present.mtu && { mtu }),
      ...(mac !== undefined && mac !== present.mac && { mac }),
      ...(alias !== undefined && alias !== present.alias && { alias }),
      ...(masterIndex !== decoded.masterIndex && { masterIndex }),
      ...(up !== present.up && { up }),
    };
    this.#batch.add(
      (builder) => encodeSettings(builder, present.index, link, settings),
      (error) => this.#fail(change, error),
    );
  }

  async #removeLink(name: string): Promise<void> {
    const { socket, reaper, namespace } = this.#context;
    this.#names.forget(name);
    const link = readLink(socket, name)?.link;
    if (link === undefined || reaper?.isRetired(name) === true) return;
    if (reaper !== undefined) {
      reaper.retire(socket, name, link.index);
      if (link.kind.kind !== 'veth') await reaper.idle();
      return;
    }
    using removing = NetlinkSocket.open('route', namespace === undefined ? {} : { namespace });
    const builder = new MessageBuilder(64);
    encodeLinkRemoval(builder, { index: link.index });
    await removing.requestAsync(builder);
  }

  /** Replaces routes of ours; one of somebody else's in the place that ours needs is a conflict and stays. */
  #replaceRoutes(): void {
    if (this.#occupied.length === 0) return;
    const ours = new Set(
      readRoutes(this.#context.socket, this.#names, { protocol: OWNED.protocol }).map(({ route }) => placeOf(route)),
    );
    for (const { route, change } of this.#occupied) {
      if (route.protocol !== OWNED.protocol || ours.has(placeOf(route)))
        this.#batch.add(
          (builder) => encodeRoute(builder, route, this.#names, 'replace'),
          (error) => this.#fail(change, error),
        );
      else this.#fail(change, foreignRoute(route));
    }
    this.#batch.flush();
  }
}

/** Up last: port flags and address generation want to be set before, and of a link that is down the kernel tells nobody. */
function encodeSettings(
  builder: MessageBuilder,
  index: number,
  { port, master }: Pick<OwnedLink, 'port' | 'master'>,
  { up, ...settings }: LinkSettings,
): void {
  if (Object.keys(settings).length > 0) encodeLinkSettings(builder, index, settings);
  if (port !== undefined && master !== undefined) encodeBridgePort(builder, index, port);
  if (up !== undefined) encodeLinkSettings(builder, index, { up });
}

/** What the kernel tells routes apart by. */
function placeOf({ table, destination, metric }: Route): string {
  return `${table} ${formatPrefix(destination)} ${metric}`;
}

function foreignRoute(route: Route): FlatnetError {
  return new FlatnetError({
    operation: 'put route',
    code: 'conflict',
    message: `table ${route.table} has a route to ${formatPrefix(route.destination)} with metric ${route.metric} that is not ours`,
    remedy: `remove that route (ip route show table ${route.table}), or take the prefix out of the cluster's ranges`,
  });
}
