import { FlatnetError } from '../../error/flatnet-error.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { ConfigMap } from '../../kube/objects/config-map.ts';
import type { Service } from '../../kube/objects/service.ts';
import { CONFIG_MAPS, type KubeResource, SERVICES } from '../../kube/resource.ts';
import type { ObjectSource } from './pod-spec.ts';

interface Secret extends KubeObject {
  /** base64 */
  readonly data?: Readonly<Record<string, string>>;
}

const SECRETS: KubeResource<Secret> = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };

export type Entries = ReadonlyMap<string, Buffer>;

/** The objects of the API that pods are configured by, read when they are needed. */
export class PodObjects {
  readonly #client: KubeClient;
  readonly #signal: AbortSignal;

  constructor(client: KubeClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** The entries of a ConfigMap; none where it is missing but optional. @throws FlatnetError `not-found` */
  async configMap(namespace: string, source: ObjectSource): Promise<Entries> {
    const found: (ConfigMap & { binaryData?: Readonly<Record<string, string>> }) | undefined = await this.#client.find(
      CONFIG_MAPS,
      { namespace, name: source.name },
      { signal: this.#signal },
    );
    if (found === undefined) return missing('configmap', source);
    return new Map([
      ...Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
      ...Object.entries(found.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const),
    ]);
  }

  /** The entries of a Secret; none where it is missing but optional. @throws FlatnetError `not-found` */
  async secret(namespace: string, source: ObjectSource): Promise<Entries> {
    const found = await this.#client.find(SECRETS, { namespace, name: source.name }, { signal: this.#signal });
    if (found === undefined) return missing('secret', source);
    return new Map(Object.entries(found.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const));
  }

  /** The services whose addresses containers of a namespace get as variables. */
  async services(namespace: string, links: boolean): Promise<readonly Service[]> {
    const api = await this.#client.find(
      SERVICES,
      { namespace: 'default', name: 'kubernetes' },
      { signal: this.#signal },
    );
    const own = links ? (await this.#client.list(SERVICES, { namespace, signal: this.#signal })).items : [];
    return [...own.filter(({ metadata }) => metadata.uid !== api?.metadata.uid), ...(api === undefined ? [] : [api])];
  }
}

function missing(kind: string, { name, optional = false }: ObjectSource): Entries {
  if (optional) return new Map();
  throw new FlatnetError({
    operation: 'configure pod',
    code: 'not-found',
    message: `${kind} "${name}" not found`,
    remedy: 'create it, or mark the reference as optional',
  });
}
