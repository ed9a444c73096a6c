import { once } from 'node:events';
import net from 'node:net';
import { linuxFamily } from '../address/family.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { checkCall, loadLibc } from '../kernel/libc.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM } from '../probe/socket/socket-calls.ts';
import type { LabHost } from './lab-host.ts';

/**
 * Connects over TCP as a process of the host would: the socket is made in the host's network, and stays there.
 * @throws FlatnetError `unavailable` where nothing answers
 */
export async function connectFromHost(host: LabHost, address: string, port: number): Promise<net.Socket> {
  const family = linuxFamily(net.isIPv6(address) ? 6 : 4);
  const fd = host.run(() =>
    checkCall('open socket', loadLibc().socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
  );
  const socket = new net.Socket({ fd, allowHalfOpen: true });
  try {
    socket.connect({ host: address, port });
    await once(socket, 'connect');
    return socket;
  } catch (cause) {
    socket.destroy();
    throw new FlatnetError({
      operation: 'connect',
      code: 'unavailable',
      message: `${address} port ${port} doesn't answer ${host.name}`,
      cause,
    });
  }
}
