import { FlatnetError } from '../../error/flatnet-error.ts';
import type { Link } from '../../host/link.ts';
import { MessageBuilder } from '../netlink/message-builder.ts';
import type { NetlinkSocket } from '../netlink/netlink-socket.ts';
import { type DecodedLink, decodeLink, encodeLinkDump, encodeLinkQuery, resolveLink } from './link.ts';
import type { LinkNames } from './link-names.ts';
import { RTM_NEWLINK } from './message-type.ts';

/** The links of one namespace at one instant, found by name and by index. */
export class LinkTable implements LinkNames {
  readonly links: readonly Link[];
  /** Names of links with an XDP program on them. */
  readonly withProgram: readonly string[];
  readonly #byIndex: ReadonlyMap<number, string>;
  readonly #byName: ReadonlyMap<string, Link>;

  constructor(decoded: readonly DecodedLink[]) {
    this.#byIndex = new Map(decoded.map(({ link }) => [link.index, link.name]));
    this.links = decoded.map((link) => resolveLink(link, this));
    this.withProgram = decoded.filter(({ hasProgram }) => hasProgram).map(({ link }) => link.name);
    this.#byName = new Map(this.links.map((link) => [link.name, link]));
  }

  find(name: string): Link | undefined {
    return this.#byName.get(name);
  }

  indexOf(name: string): number {
    const index = this.#byName.get(name)?.index;
    if (index === undefined) throw noSuchLink(name);
    return index;
  }

  nameOf(index: number): string {
    return this.#byIndex.get(index) ?? unknownLinkName(index);
  }
}

/** What a link is called whose index is known and nothing else; iproute2 calls it the same. */
export function unknownLinkName(index: number): string {
  return `if${index}`;
}

export function noSuchLink(name: string): FlatnetError {
  return new FlatnetError({
    operation: 'find link',
    code: 'not-found',
    message: `there is no link ${name} in this network namespace`,
  });
}

/** Reads all links of the socket's namespace. */
export function readLinks(socket: NetlinkSocket): LinkTable {
  const builder = new MessageBuilder(64);
  encodeLinkDump(builder);
  return new LinkTable(
    socket.dump(builder, (message) => (message.type === RTM_NEWLINK ? decodeLink(message) : undefined)),
  );
}

/** A link by a question of its own (about 8 µs); undefined where there is none of that name. */
export function readLink(socket: NetlinkSocket, name: string): DecodedLink | undefined {
  const builder = new MessageBuilder(64);
  encodeLinkQuery(builder, name);
  let decoded: DecodedLink | undefined;
  const [failure] = socket.exchange(builder, (message) => {
    if (message.type === RTM_NEWLINK) decoded = decodeLink(message);
  });
  if (failure !== undefined && failure.error.code !== 'not-found') throw failure.error;
  return decoded;
}

/** @throws FlatnetError `not-found` */
export function readLinkIndex(socket: NetlinkSocket, name: string): number {
  const index = readLink(socket, name)?.link.index;
  if (index === undefined) throw noSuchLink(name);
  return index;
}

/** Links of a namespace, asked for one at a time and remembered: for work on few of many. */
export class LinkLookup implements LinkNames {
  readonly #socket: NetlinkSocket;
  readonly #indices = new Map<string, number>();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  indexOf(name: string): number {
    let index = this.#indices.get(name);
    if (index === undefined) {
      index = readLinkIndex(this.#socket, name);
      this.#indices.set(name, index);
    }
    return index;
  }

  nameOf(index: number): string {
    for (const [name, known] of this.#indices) if (known === index) return name;
    return unknownLinkName(index);
  }

  /** The index of a link that has been found or made otherwise. */
  learn(name: string, index: number): void {
    this.#indices.set(name, index);
  }

  /** A link is about to be made, or is there no more. */
  forget(name: string): void {
    this.#indices.delete(name);
  }
}
