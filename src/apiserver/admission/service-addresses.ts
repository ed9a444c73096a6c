import { tryParseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { type FieldProblem, invalid } from '../field-problem.ts';
import {
  type ApiObject,
  ensureObject,
  type JsonObject,
  numberAt,
  objectsAt,
  parseApiObject,
  stringAt,
  stringsAt,
} from '../json-value.ts';
import { storageDefinition } from '../resource/resource-table.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { objectKey, type StoredObject } from '../store/stored-object.ts';
import { ClusterIpAllocator, canonicalAddress } from './cluster-ip-allocator.ts';
import { NodePortAllocator } from './node-port-allocator.ts';
import { carryAllocations } from './service-carry.ts';
import { familyName, settleFamilies } from './service-families.ts';
import type { ServiceRanges } from './service-ranges.ts';

/** Gives services their addresses and node ports, and refuses those that another has. What is taken follows the store. */
export class ServiceAddresses {
  readonly #allocators: ReadonlyMap<Family, ClusterIpAllocator>;
  readonly #ports: NodePortAllocator;
  readonly #stop: () => void;

  constructor(store: ObjectStore, ranges: ServiceRanges) {
    this.#allocators = new Map(
      ranges.prefixes.map((prefix) => [prefix.address.family, new ClusterIpAllocator(prefix)]),
    );
    this.#ports = new NodePortAllocator(ranges.nodePorts);
    const services = store.collection(storageDefinition('services'));
    for (const stored of services.list('')) this.#take(stored);
    this.#stop = services.watch({}, ({ type, object, previous }) => {
      if (previous !== undefined) this.#release(previous);
      if (type !== 'DELETED') this.#take(object);
    });
  }

  /** Follows the store no longer. */
  close(): void {
    this.#stop();
  }

  /** Completes a new service. */
  admitCreate(service: ApiObject): readonly FieldProblem[] {
    return this.#complete(service);
  }

  /** Completes a changed service, with what it had before and didn't give up. */
  admitUpdate(service: ApiObject, previous: ApiObject): readonly FieldProblem[] {
    carryAllocations(service, previous);
    return this.#complete(service);
  }

  #complete(service: ApiObject): readonly FieldProblem[] {
    const spec = ensureObject(service, 'spec');
    const owner = objectKey(stringAt(service.metadata, 'namespace') ?? '', stringAt(service.metadata, 'name') ?? '');
    const problems: FieldProblem[] = [];
    if (spec.type === 'ExternalName') {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) delete spec[field];
    } else this.#completeAddresses(spec, owner, problems);
    if (problems.length === 0) this.#completePorts(spec, owner, problems);
    return problems;
  }

  #completeAddresses(spec: JsonObject, owner: string, problems: FieldProblem[]): void {
    const single = stringAt(spec, 'clusterIP') ?? '';
    const listed = stringsAt(spec, 'clusterIPs');
    if (single !== '' && listed[0] !== undefined && listed[0] !== single) {
      problems.push(invalid('spec.clusterIPs', listed, 'first value must match `clusterIP`'));
      return;
    }
    const wanted = listed.length > 0 ? listed : single === '' ? [] : [single];
    spec.clusterIPs = [...wanted];
    const { policy, families } = settleFamilies(spec, [...this.#allocators.keys()], problems);
    if (problems.length > 0) return;
    spec.ipFamilyPolicy = policy;
    spec.ipFamilies = families.map(familyName);
    const addresses = wanted[0] === 'None' ? ['None'] : this.#addresses(families, wanted, owner, problems);
    spec.clusterIPs = addresses;
    spec.clusterIP = addresses[0] ?? '';
  }

  #addresses(
    families: readonly Family[],
    wanted: readonly string[],
    owner: string,
    problems: FieldProblem[],
  ): string[] {
    return families.flatMap((family, index) => {
      const allocator = this.#allocators.get(family);
      const text = wanted[index];
      if (allocator === undefined) return [];
      if (text === undefined) {
        const picked = allocator.pick();
        if (picked !== undefined) return [picked];
        problems.push(invalid('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full'));
        return [];
      }
      if (tryParseAddress(text) === undefined) {
        problems.push(
          invalid(`spec.clusterIPs[${index}]`, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
        );
        return [];
      }
      const refusal = allocator.refusal(text, owner);
      if (refusal !== undefined) problems.push(invalid('spec.clusterIPs', wanted, refusal));
      return [canonicalAddress(text)];
    });
  }

  #completePorts(spec: JsonObject, owner: string, problems: FieldProblem[]): void {
    const balanced = spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
    const ports = objectsAt(spec, 'ports');
    const used = new Set(ports.map((port) => numberAt(port, 'nodePort') ?? 0));
    const given = new Map<number, number>();
    for (const [index, port] of ports.entries()) {
      const protocol = stringAt(port, 'protocol') ?? 'TCP';
      const nodePort = numberAt(port, 'nodePort') ?? 0;
      if (nodePort !== 0) {
        const refusal = this.#ports.refusal(protocol, nodePort, owner);
        if (refusal !== undefined) problems.push(invalid(`spec.ports[${index}].nodePort`, nodePort, refusal));
        continue;
      }
      delete port.nodePort;
      if (spec.type !== 'NodePort' && !balanced) continue;
      // One port number under several protocols gets one node port.
      const number = numberAt(port, 'port') ?? 0;
      const picked = given.get(number) ?? this.#ports.pick(protocolsOf(ports, number), used);
      if (picked === undefined) {
        problems.push(invalid(`spec.ports[${index}].nodePort`, 0, 'failed to allocate a nodePort: range is full'));
        continue;
      }
      given.set(number, picked);
      used.add(picked);
      port.nodePort = picked;
    }
    this.#completeHealthPort(spec, owner, used, problems);
  }

  #completeHealthPort(spec: JsonObject, owner: string, used: ReadonlySet<number>, problems: FieldProblem[]): void {
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') {
      delete spec.healthCheckNodePort;
      return;
    }
    const present = numberAt(spec, 'healthCheckNodePort') ?? 0;
    const port = present === 0 ? this.#ports.pick(['TCP'], used) : present;
    const refusal = port === undefined ? 'range is full' : this.#ports.refusal('TCP', port, owner);
    if (port === undefined || refusal !== undefined) {
      problems.push(invalid('spec.healthCheckNodePort', present, refusal ?? ''));
    } else spec.healthCheckNodePort = port;
  }

  #take(stored: StoredObject): void {
    forEachAllocation(
      stored,
      (family, address) => this.#allocators.get(family)?.take(address, stored.key),
      (protocol, port) => this.#ports.take(protocol, port, stored.key),
    );
  }

  #release(stored: StoredObject): void {
    forEachAllocation(
      stored,
      (family, address) => this.#allocators.get(family)?.release(address, stored.key),
      (protocol, port) => this.#ports.release(protocol, port, stored.key),
    );
  }
}

function protocolsOf(ports: readonly JsonObject[], number: number): readonly string[] {
  return ports.filter((port) => port.port === number).map((port) => stringAt(port, 'protocol') ?? 'TCP');
}

function forEachAllocation(
  stored: StoredObject,
  onAddress: (family: Family, address: string) => void,
  onPort: (protocol: string, port: number) => void,
): void {
  const service = parseApiObject(stored.json);
  for (const text of stringsAt(service, 'spec', 'clusterIPs')) {
    const address = tryParseAddress(text);
    if (address !== undefined) onAddress(address.family, canonicalAddress(text));
  }
  for (const port of objectsAt(service, 'spec', 'ports')) {
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    if (nodePort !== 0) onPort(stringAt(port, 'protocol') ?? 'TCP', nodePort);
  }
  const health = numberAt(service, 'spec', 'healthCheckNodePort') ?? 0;
  if (health !== 0) onPort('TCP', health);
}
