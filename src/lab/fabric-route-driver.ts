import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { FabricDriver, FabricRoute } from '../controller/fabric-driver.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { encodeFabricRoute, parseFabricRoute } from './fabric-route-message.ts';

/** The controller's driver of a lab's fabric, over the socket of its FabricRouteServer. */
export class FabricRouteDriver implements FabricDriver {
  readonly #socket: string;

  /** @param socket path of the fabric's socket */
  constructor(socket: string) {
    this.#socket = socket;
  }

  async list(signal: AbortSignal): Promise<readonly FabricRoute[]> {
    const routes: unknown = JSON.parse(await this.#request('GET', '/routes', undefined, signal));
    return Array.isArray(routes) ? routes.map(parseFabricRoute) : [];
  }

  async put(route: FabricRoute, signal: AbortSignal): Promise<void> {
    await this.#request('PUT', `/routes/${encodeURIComponent(route.name)}`, encodeFabricRoute(route), signal);
  }

  async remove(route: FabricRoute, signal: AbortSignal): Promise<void> {
    await this.#request('DELETE', `/routes/${encodeURIComponent(route.name)}`, undefined, signal);
  }

  async #request(method: string, path: string, body: unknown, signal: AbortSignal): Promise<string> {
    const request = http.request({ socketPath: this.#socket, method, path, signal });
    try {
      request.end(body === undefined ? undefined : JSON.stringify(body));
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      const answer = await text(response);
      if (response.statusCode === 200) return answer;
      throw refused(method, path, answer);
    } catch (cause) {
      signal.throwIfAborted();
      throw cause instanceof FlatnetError ? cause : refused(method, path, 'it does not answer', cause);
    }
  }
}

function refused(method: string, path: string, message: string, cause?: unknown): FlatnetError {
  return new FlatnetError({ operation: `program fabric, ${method} ${path}`, code: 'unavailable', message, cause });
}
