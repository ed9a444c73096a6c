import { FAMILIES } from '../address/family.ts';
import { httpModule } from '../kube/node-http.ts';
import { listenStream } from '../probe/socket/stream-socket.ts';
import type { LabHost } from './lab-host.ts';

const HTTP_PORT = 80;

/**
 * What the host outside answers on its port 80, to whoever it knows the way back to: the address that it was asked from,
 * which for a pod behind masquerade is its node's. Ends with the host.
 */
export function serveInternet(host: LabHost): void {
  for (const family of FAMILIES) {
    const server = httpModule.createServer(({ socket }, response) =>
      response.end(`This is ${socket.localAddress}, outside the cluster. You are ${socket.remoteAddress}.\n`),
    );
    server.listen(host.run(() => listenStream(family, { port: HTTP_PORT })));
    const close = () => {
      server.close();
      server.closeAllConnections();
    };
    host.signal.addEventListener('abort', close, { once: true });
  }
}
