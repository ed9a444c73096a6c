import net from 'node:net';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { loadLibc } from '../../kernel/libc.ts';
import { systemError } from '../../kernel/system-error.ts';
import type { SocketNamespace } from '../../probe/probe-server.ts';
import { formatSocketAddress, type SocketAddress } from '../../probe/socket/socket-address.ts';
import { type SocketPoller, WRITABLE } from '../../probe/socket/socket-poller.ts';
import { connectStream, pendingError } from '../../probe/socket/stream-socket.ts';

/**
 * Connects over TCP from a network namespace; the caller destroys the socket. (net.connect begins to connect only after
 * the caller has returned, in whatever namespace the thread is in by then.)
 * @param timeout milliseconds
 * @throws FlatnetError `timeout`, or with the errno of connect(2)
 */
export async function connectFrom(
  namespace: SocketNamespace,
  poller: SocketPoller,
  to: SocketAddress,
  timeout: number,
): Promise<net.Socket> {
  const fd = namespace.run(() => connectStream(to, { reset: false }));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    const message = `${formatSocketAddress(to)} did not answer within ${timeout / 1000} s`;
    reject(new FlatnetError({ operation: 'connect', code: 'timeout', message }));
  }, timeout);
  try {
    poller.add(fd, WRITABLE, () => {
      const errno = pendingError(fd);
      if (errno === 0) resolve();
      else reject(systemError('connect', errno, formatSocketAddress(to)));
    });
    await promise;
  } catch (error) {
    poller.remove(fd);
    loadLibc().close(fd);
    throw error;
  } finally {
    clearTimeout(timer);
  }
  poller.remove(fd);
  return new net.Socket({ fd, readable: true, writable: true });
}
