import type net from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Joins every connection that a listener takes, one of this machine's loopback handed in from outside the lab, with one
 * that `dial` makes inside. Where that fails the client's connection is reset, as by a closed port.
 */
export function relayConnections(listener: net.Server, dial: () => Promise<Duplex>, signal: AbortSignal): void {
  // A client that has said its last word may still be waiting for an answer.
  Object.assign(listener, { allowHalfOpen: true });
  listener.on('connection', (socket) => void relay(socket, dial, signal));
  const close = () => listener.close();
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
}

async function relay(socket: net.Socket, dial: () => Promise<Duplex>, signal: AbortSignal): Promise<void> {
  socket.on('error', () => undefined); // told by the pipelines
  let inside: Duplex;
  try {
    inside = await dial();
  } catch {
    socket.resetAndDestroy();
    return;
  }
  const both = [pipeline(socket, inside, { signal }), pipeline(inside, socket, { signal })];
  const ends = await Promise.allSettled(both);
  if (ends.some(({ status }) => status === 'rejected')) {
    socket.destroy();
    inside.destroy();
  }
}
