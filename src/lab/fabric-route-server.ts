import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import http from 'node:http';
import { json } from 'node:stream/consumers';

import type { FabricRoute } from '../controller/fabric-driver.ts';
import { describeError } from '../error/flatnet-error.ts';
import type { Change } from '../host/change.ts';
import { MAIN_TABLE } from '../host/route.ts';
import { encodeFabricRoute, parseFabricRoute } from './fabric-route-message.ts';

/** RTPROT_STATIC. */
const STATIC = 4;

/** What the fabric's router lets somebody do to its route table. */
export interface RouteTable {
  apply(changes: readonly Change[]): Promise<void>;
}

/**
 * The fabric's route table as a cloud has one, for the controller's driver: HTTP on a socket that only its owner may use.
 * `GET /routes`, `PUT /routes/NAME`, `DELETE /routes/NAME`.
 */
export class FabricRouteServer implements AsyncDisposable {
  readonly #router: RouteTable;
  readonly #routes = new Map<string, FabricRoute>();
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));

  private constructor(router: RouteTable) {
    this.#router = router;
  }

  static async listen(router: RouteTable, socket: string): Promise<FabricRouteServer> {
    const server = new FabricRouteServer(router);
    server.#server.listen(socket);
    await once(server.#server, 'listening');
    chmodSync(socket, 0o600);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    try {
      const name = decodeURIComponent(request.url?.split('/')[2] ?? '');
      switch (request.method) {
        case 'PUT':
          await this.#put(parseFabricRoute(await json(request)));
          break;
        case 'DELETE':
          await this.#remove(name);
          break;
        default:
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify([...this.#routes.values()].map(encodeFabricRoute)));
    } catch (error) {
      response.statusCode = 500;
      response.end(describeError(error));
    }
  }

  async #put(route: FabricRoute): Promise<void> {
    await this.#remove(route.name);
    await this.#router.apply([{ kind: 'put-route', route: kernelRoute(route) }]);
    this.#routes.set(route.name, route);
  }

  async #remove(name: string): Promise<void> {
    const route = this.#routes.get(name);
    if (route === undefined) return;
    await this.#router.apply([{ kind: 'remove-route', route: kernelRoute(route) }]);
    this.#routes.delete(name);
  }
}

function kernelRoute({ prefix, nextHop }: FabricRoute) {
  return {
    table: MAIN_TABLE,
    destination: prefix,
    type: 'unicast',
    nextHops: [{ gateway: nextHop, weight: 1, onlink: false }],
    metric: prefix.address.family === 6 ? 1024 : 0,
    protocol: STATIC,
    scope: 'global',
  } as const;
}
