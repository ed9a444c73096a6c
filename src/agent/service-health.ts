import { createServer, type Server } from 'node:http';
import type { PlannedService } from '../plan/service/service-plan.ts';

interface Health {
  readonly service: string;
  readonly localEndpoints: number;
}

interface HealthServer {
  readonly server: Server;
  health: Health;
}

/**
 * Answers load balancers on the health check ports of services with a local policy: 200 where this node has endpoints of
 * its own, 503 where it has none; in kube-proxy's JSON.
 */
export class ServiceHealthServers implements Disposable {
  readonly #servers = new Map<number, HealthServer>();
  readonly #onError: (error: unknown) => void;

  /** @param onError told of a port that somebody else has */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Listens where the services as they are now want it, and nowhere else. */
  follow(services: Iterable<readonly [string, Pick<PlannedService, 'healthCheck'>]>): void {
    const wanted = new Map<number, Health>();
    for (const [service, { healthCheck }] of services)
      if (healthCheck !== undefined)
        wanted.set(healthCheck.port, { service, localEndpoints: healthCheck.localEndpoints });
    for (const [port, { server }] of this.#servers) {
      if (wanted.has(port)) continue;
      this.#servers.delete(port);
      close(server);
    }
    for (const [port, health] of wanted) {
      const known = this.#servers.get(port);
      if (known === undefined) this.#servers.set(port, this.#listen(port, health));
      else known.health = health;
    }
  }

  [Symbol.dispose](): void {
    for (const { server } of this.#servers.values()) close(server);
    this.#servers.clear();
  }

  #listen(port: number, health: Health): HealthServer {
    const server = createServer((_request, response) => {
      const { service, localEndpoints } = this.#servers.get(port)?.health ?? health;
      const [namespace, name] = service.split('/');
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        // for balancers that give a node its share by the number of its endpoints
        'x-load-balancing-endpoint-weight': localEndpoints,
        connection: 'close',
      });
      response.end(`${JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true })}\n`);
    });
    server.on('error', (error) => {
      // Tried again when services next change.
      if (this.#servers.get(port)?.server === server) this.#servers.delete(port);
      this.#onError(error);
    });
    server.listen(port);
    return { server, health };
  }
}

function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}
