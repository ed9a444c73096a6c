import type { DnsEndpoint, DnsPort, DnsService, DnsSlice } from './dns-service.ts';

/** The services of a cluster by name and by address, kept up to date one object at a time. */
export class ServiceDirectory {
  readonly #namespaces = new Set<string>();
  readonly #services = new Map<string, DnsService>();
  /** By service, then by slice. */
  readonly #slices = new Map<string, Map<string, DnsSlice>>();
  /** Names relative to the cluster's domain, by address, with how many objects say so. */
  readonly #names = new Map<string, Map<string, number>>();

  applyNamespace(name: string, present: boolean): void {
    if (present) this.#namespaces.add(name);
    else this.#namespaces.delete(name);
  }

  applyService(key: string, old: DnsService | undefined, current: DnsService | undefined): void {
    for (const address of old?.clusterAddresses ?? []) this.#unname(address, serviceName(key));
    for (const address of current?.clusterAddresses ?? []) this.#name(address, serviceName(key));
    if (current === undefined) this.#services.delete(key);
    else this.#services.set(key, current);
  }

  applySlice(key: string, old: DnsSlice | undefined, current: DnsSlice | undefined): void {
    if (old !== undefined) {
      for (const endpoint of old.endpoints) this.#unname(endpoint.address, endpointName(old.service, endpoint));
      const slices = this.#slices.get(old.service);
      slices?.delete(key);
      if (slices?.size === 0) this.#slices.delete(old.service);
    }
    if (current === undefined) return;
    for (const endpoint of current.endpoints) this.#name(endpoint.address, endpointName(current.service, endpoint));
    const slices = this.#slices.get(current.service) ?? new Map<string, DnsSlice>();
    this.#slices.set(current.service, slices.set(key, current));
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  service(namespace: string, name: string): DnsService | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  /** The ready endpoints of a service, each once. */
  endpoints(service: DnsService): readonly DnsEndpoint[] {
    const slices = this.#slices.get(`${service.namespace}/${service.name}`)?.values() ?? [];
    const byAddress = new Map<string, DnsEndpoint>();
    for (const slice of slices) for (const endpoint of slice.endpoints) byAddress.set(endpoint.address, endpoint);
    return [...byAddress.values()];
  }

  /** The ports of the ready endpoints of a service. */
  endpointPorts(service: DnsService): readonly (DnsPort & { readonly hostname: string })[] {
    const slices = [...(this.#slices.get(`${service.namespace}/${service.name}`)?.values() ?? [])];
    const all = slices.flatMap(({ ports, endpoints }) =>
      endpoints.flatMap(({ hostname }) => ports.map((port) => ({ ...port, hostname }))),
    );
    const key = ({ name, protocol, port, hostname }: (typeof all)[number]) => `${name} ${protocol} ${port} ${hostname}`;
    return [...new Map(all.map((entry) => [key(entry), entry])).values()];
  }

  /** The names of an address, relative to the cluster's domain: of the service that has it, or of endpoints. */
  namesOf(address: string): readonly string[] {
    return [...(this.#names.get(address)?.keys() ?? [])];
  }

  #name(address: string, name: string): void {
    const names = this.#names.get(address) ?? new Map<string, number>();
    this.#names.set(address, names.set(name, (names.get(name) ?? 0) + 1));
  }

  #unname(address: string, name: string): void {
    const names = this.#names.get(address);
    const count = names?.get(name) ?? 0;
    if (count > 1) names?.set(name, count - 1);
    else names?.delete(name);
    if (names?.size === 0) this.#names.delete(address);
  }
}

function serviceName(key: string): string {
  const [namespace, name] = key.split('/');
  return `${name}.${namespace}.svc`;
}

function endpointName(service: string, { hostname }: DnsEndpoint): string {
  return `${hostname}.${serviceName(service)}`;
}
