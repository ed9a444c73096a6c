import { constants } from 'node:os';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Link } from '../host/link.ts';
import type { OwnedLink } from '../host/owned-state.ts';
import { LINK_GROUPS } from './link-reaper.ts';
import { MessageBuilder } from './netlink/message-builder.ts';
import type { MessageFailure, NetlinkSocket } from './netlink/netlink-socket.ts';
import { NetworkNamespace } from './network-namespace.ts';
import { type DecodedLink, decodeLink } from './rtnetlink/link.ts';
import type { LinkNames } from './rtnetlink/link-names.ts';
import { encodeLinkRemoval, encodeNewLink } from './rtnetlink/link-settings.ts';
import { readLink } from './rtnetlink/link-table.ts';
import { RTM_NEWLINK } from './rtnetlink/message-type.ts';

/**
 * Makes a link, marked as unfinished until it bears its alias, so that a crash in between leaves nothing unmarked.
 * @returns the link as the kernel says that it has become; undefined where it doesn't, before Linux 6.2
 * @throws FlatnetError `conflict` where something that isn't ours stands in its way
 */
export function makeLink(socket: NetlinkSocket, link: OwnedLink, names: LinkNames): DecodedLink | undefined {
  using peerNamespace = link.kind.kind === 'veth' ? NetworkNamespace.open(link.kind.peer.namespace) : undefined;
  const builder = new MessageBuilder(512);
  let made: DecodedLink | undefined;
  const make = (): MessageFailure | undefined => {
    encodeNewLink(builder.reset(), link, {
      names,
      group: LINK_GROUPS.unfinished,
      ...(peerNamespace !== undefined && { peerNamespace: peerNamespace.fd }),
    });
    const [failure] = socket.exchange(builder, (message) => {
      if (message.type === RTM_NEWLINK) made = decodeLink(message);
    });
    return failure;
  };
  const failure = make();
  if (failure === undefined) return made;
  const present = failure.error.errno === constants.errno.EEXIST ? readLink(socket, link.name)?.link : undefined;
  if (present?.group !== LINK_GROUPS.unfinished) throw describeConflict(link, failure.error);
  // A process was killed while it made this very link.
  encodeLinkRemoval(builder.reset(), { index: present.index });
  socket.request(builder);
  const again = make();
  if (again !== undefined) throw again.error;
  return made;
}

/** An end of a pair that has just been made, in the namespace of a path. */
export interface OtherEnd {
  readonly namespace: string;
  readonly decoded: DecodedLink;
}

/** The other end of a pair that has just been made, as it is in its namespace; undefined where its index isn't known. */
export function otherEnd({ kind, mtu }: OwnedLink, made: DecodedLink): OtherEnd | undefined {
  if (kind.kind !== 'veth' || made.link.kind.kind !== 'veth') return undefined;
  const { peerIndex: index } = made.link.kind;
  if (index === undefined) return undefined;
  const { namespace, name, mac } = kind.peer;
  const link: Link = {
    ...{ name, index, mtu, kind: { kind: 'veth' }, up: false, running: false },
    ...(mac !== undefined && { mac }),
  };
  return { namespace, decoded: { link, masterIndex: 0, hasProgram: false } };
}

function describeConflict(link: OwnedLink, error: FlatnetError): FlatnetError {
  if (error.errno !== constants.errno.EEXIST) return error;
  return new FlatnetError({
    operation: 'add link',
    code: 'conflict',
    errno: constants.errno.EEXIST,
    message: `there is already a link that stands in the way of ${link.name} (${link.kind.kind}), and it is not ours`,
    remedy: `see ip -d link; a link of that name, or a vxlan device with the same VNI and port, must go first`,
    cause: error,
  });
}
