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
  readonly #byIndex: ReadonlyMap<number, string>;
  readonly #byName: ReadonlyMap<string, Link>;

  constructor(decoded: readonly DecodedLink[]) {
    this.#byIndex = new Map(decoded.map(({ link }) => [link.index, link.name]));
    this.links = decoded.map((link) => resolveLink(link, this));
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

/** Index of a link by a question of its own (about 8 µs). @throws FlatnetError `not-found` */
export function readLinkIndex(socket: NetlinkSocket, name: string): number {
  const builder = new MessageBuilder(64);
  encodeLinkQuery(builder, name);
  let index: number | undefined;
  const [failure] = socket.exchange(builder, (message) => {
    if (message.type === RTM_NEWLINK) index = message.buffer.readInt32LE(message.start + 4);
  });
  if (index !== undefined) return index;
  throw failure === undefined || failure.error.code === 'not-found' ? noSuchLink(name) : failure.error;
}
