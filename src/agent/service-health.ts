import type { Server } from 'node:http';
import { httpModule } from '../kube/node-http.ts';
import type { PlannedService } from '../plan/service/service-plan.ts';

interface Health {
  readonly service: string;
  readonly localEndpoints: number;
}

interface HealthServer {
  readonly server: Server;
  health: Health;
}

const RETRY_PAUSE = 5_000;

/**
 * Answers load balancers on the health check ports of services with a local policy: 200 where this node has endpoints of
 * its own, 503 where it has none; in kube-proxy's JSON.
 */
export class ServiceHealthServers implements Disposable {
  readonly #servers = new Map<number, HealthServer>();
  readonly #onError: (error: unknown) => void;
  readonly #pause: number;
  #wanted: ReadonlyMap<number, Health> = new Map();
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param onError told of a port that somebody else has
   * @param pause milliseconds until it is tried again
   */
  constructor(onError: (error: unknown) => void, pause = RETRY_PAUSE) {
    this.#onError = onError;
    this.#pause = pause;
  }

  /** Listens where the services as they are now want it, and nowhere else. */
  follow(services: Iterable<readonly [string, Pick<PlannedService, 'healthCheck'>]>): void {
    const wanted = new Map<number, Health>();
    for (const [service, { healthCheck }] of services)
      if (healthCheck !== undefined)
        wanted.set(healthCheck.port, { service, localEndpoints: healthCheck.localEndpoints });
    this.#wanted = wanted;
    for (const [port, { server }] of this.#servers) {
      if (wanted.has(port)) continue;
      this.#servers.delete(port);
      close(server);
    }
    this.#listenEverywhere();
  }

  #listenEverywhere(): void {
    for (const [port, health] of this.#wanted) {
      const known = this.#servers.get(port);
      if (known === undefined) this.#servers.set(port, this.#listen(port, health));
      else known.health = health;
    }
  }

  [Symbol.dispose](): void {
    this.#wanted = new Map();
    clearTimeout(this.#retry);
    for (const { server } of this.#servers.values()) close(server);
    this.#servers.clear();
  }

  #listen(port: number, health: Health): HealthServer {
    const server = httpModule.createServer((_request, response) => {
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
      if (this.#servers.get(port)?.server === server) this.#servers.delete(port);
      this.#tryLater();
      this.#onError(error);
    });
    server.listen(port);
    return { server, health };
  }

  #tryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#listenEverywhere();
    }, this.#pause).unref();
  }
}

function close(server: Server): void {
  server.close();
  server.closeAllConnections();
}
