import { randomBytes } from 'node:crypto';
import { isFlatnetError } from '../error/flatnet-error.ts';
import { MessageBuilder } from './netlink/message-builder.ts';
import { NetlinkSocket } from './netlink/netlink-socket.ts';
import { NetworkNamespace } from './network-namespace.ts';
import { encodeAddressRemoval } from './rtnetlink/address.ts';
import { encodeLinkSettings } from './rtnetlink/link-settings.ts';
import { readLink } from './rtnetlink/link-table.ts';
import { readAddresses } from './rtnetlink/table-reader.ts';

/**
 * Takes an interface of a pod out of use: when this returns, no interface of that name is in the namespace and its addresses are
 * gone, though the link itself, under a name that means nothing, may outlive this until somebody removes its other end. Takes
 * about half a millisecond.
 * @param path of the pod's namespace
 * @param expected its index, where only that one is meant: another interface of the name is left alone
 * @returns false where namespace or interface were gone already
 */
export function retirePodInterface(path: string, name: string, expected?: number): boolean {
  try {
    using namespace = NetworkNamespace.open(path);
    using socket = NetlinkSocket.open('route', { namespace });
    const index = readLink(socket, name)?.link.index;
    if (index === undefined || (expected !== undefined && index !== expected)) return false;
    const builder = new MessageBuilder(1024);
    encodeLinkSettings(builder, index, { up: false });
    const names = { indexOf: () => index, nameOf: () => name };
    for (const address of readAddresses(socket, names, index)) encodeAddressRemoval(builder, address, names);
    encodeLinkSettings(builder, index, { name: `gone${randomBytes(5).toString('hex')}` });
    // Going down may have taken addresses along.
    for (const { error } of socket.exchange(builder)) if (error.code !== 'not-found') throw error;
    return true;
  } catch (error) {
    if (isFlatnetError(error, 'not-found')) return false;
    throw error;
  }
}
