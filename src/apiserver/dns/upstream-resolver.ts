import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Upstream } from './dns-responder.ts';
import { withLength } from './stream-framing.ts';

export interface UpstreamServer {
  readonly host: string;
  readonly port: number;
}

/** Milliseconds that one server has to answer. */
const TIMEOUT = 2_000;

/** Asks the servers one after the other, the way that we were asked, from a port of its own; the first answer counts. */
export function upstreamResolver(servers: readonly UpstreamServer[]): Upstream {
  return async (query, transport) => {
    for (const server of servers) {
      const response = await (transport === 'stream' ? askByStream(server, query) : askByDatagram(server, query));
      if (response !== undefined) return response;
    }
    return undefined;
  };
}

function askByDatagram({ host, port }: UpstreamServer, query: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const finish = (response: Buffer | undefined) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      resolve(response);
    };
    const timer = setTimeout(() => finish(undefined), TIMEOUT);
    socket.once('error', () => finish(undefined));
    // Connected, so that only this server's answers arrive.
    socket.connect(port, host, () => {
      socket.on('message', (message) => {
        if (message.length >= 12 && message.readUInt16BE(0) === query.readUInt16BE(0)) finish(message);
      });
      socket.send(query);
    });
  });
}

function askByStream({ host, port }: UpstreamServer, query: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (response: Buffer | undefined) => {
      socket.destroy();
      resolve(response);
    };
    socket.setTimeout(TIMEOUT, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('end', () => finish(undefined));
    socket.on('connect', () => socket.write(withLength(query)));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      finish(received.subarray(2, 2 + received.readUInt16BE(0)));
    });
  });
}
