import type { Answer } from 'dns-packet';
import { tryParseAddress } from '../../address/address.ts';
import { type DnsService, parseDashedAddress } from './dns-service.ts';
import { parseReverseName } from './reverse-name.ts';
import type { ServiceDirectory } from './service-directory.ts';

/** Seconds that answers may be kept, as CoreDNS gives them for clusters. */
export const TTL = 5;

export type ZoneAnswer =
  /** The name exists; `answers` may be empty where it has nothing of that type. */
  | { readonly kind: 'found'; readonly answers: readonly Answer[]; readonly additionals?: readonly Answer[] }
  /** The name is an alias of one that somebody else must resolve. */
  | { readonly kind: 'alias'; readonly answers: readonly Answer[]; readonly target: string }
  | { readonly kind: 'missing' }
  /** Not ours to say. */
  | { readonly kind: 'outside' };

export interface ZoneOptions {
  /** `cluster.local` */
  readonly domain: string;
  readonly directory: ServiceDirectory;
  /** Our own addresses, for the zone's NS. */
  readonly servers: readonly string[];
}

const FOUND_NOTHING: ZoneAnswer = { kind: 'found', answers: [] };
const MISSING: ZoneAnswer = { kind: 'missing' };
const MOST_ALIASES = 8;

/** Answers for the names of a cluster, as the Kubernetes DNS specification 1.1.0 has them. */
export class ClusterZone {
  readonly #options: ZoneOptions;

  constructor(options: ZoneOptions) {
    this.#options = options;
  }

  /** Answers a question; `name` in whatever case it was asked, which the answers repeat. */
  answer(name: string, type: string): ZoneAnswer {
    const asked = name.toLowerCase();
    const { domain } = this.#options;
    if (asked === domain) return this.#answerApex(name, type);
    if (asked.endsWith(`.${domain}`)) {
      const labels = asked.slice(0, -domain.length - 1).split('.');
      return this.#answerInside(name, labels, type, 0);
    }
    const address = parseReverseName(asked);
    return address === undefined ? { kind: 'outside' } : this.#answerReverse(name, address, type);
  }

  /** The zone's start of authority, which goes with every answer that there is nothing. */
  get authority(): Answer {
    const { domain } = this.#options;
    const times = { serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL };
    return record(domain, 'SOA', { mname: `ns.dns.${domain}`, rname: `hostmaster.${domain}`, ...times });
  }

  #answerApex(name: string, type: string): ZoneAnswer {
    const server = `ns.dns.${this.#options.domain}`;
    if (type === 'SOA') return found([this.authority]);
    if (type !== 'NS') return FOUND_NOTHING;
    const additionals = this.#options.servers.map((address) => addressRecord(server, address));
    return { kind: 'found', answers: [record(name, 'NS', server)], additionals };
  }

  #answerInside(name: string, labels: readonly string[], type: string, aliases: number): ZoneAnswer {
    const kind = labels.at(-1);
    const inner = labels.slice(0, -1);
    if (kind === 'svc') return this.#answerService(name, inner, type, aliases);
    if (kind === 'pod') return this.#answerPod(name, inner, type);
    if (labels.join('.') === 'ns.dns') return addressesFound(name, this.#options.servers, type);
    if (labels.join('.') === 'dns') return FOUND_NOTHING;
    if (labels.join('.') === 'dns-version')
      return type === 'TXT' ? found([record(name, 'TXT', '1.1.0')]) : FOUND_NOTHING;
    return MISSING;
  }

  /** `ADDRESS-WITH-DASHES.NAMESPACE.pod`, whether there is such a pod or not. */
  #answerPod(name: string, labels: readonly string[], type: string): ZoneAnswer {
    const [label = '', namespace, ...more] = labels.length === 1 ? ['', ...labels] : labels;
    if (namespace === undefined) return FOUND_NOTHING;
    if (more.length > 0 || !this.#options.directory.hasNamespace(namespace)) return MISSING;
    if (label === '') return FOUND_NOTHING;
    const address = parseDashedAddress(label);
    return address === undefined ? MISSING : addressesFound(name, [address], type);
  }

  #answerService(name: string, labels: readonly string[], type: string, aliases: number): ZoneAnswer {
    const { directory } = this.#options;
    const namespace = labels.at(-1);
    const serviceName = labels.at(-2);
    if (namespace === undefined) return FOUND_NOTHING;
    if (serviceName === undefined) return directory.hasNamespace(namespace) ? FOUND_NOTHING : MISSING;
    const service = directory.service(namespace, serviceName);
    if (service === undefined) return MISSING;
    const below = labels.slice(0, -2);
    if (below.length === 0) return this.#answerServiceItself(name, service, type, aliases);
    if (below.every((label) => label.startsWith('_'))) return this.#answerPorts(name, service, below, type);
    return below.length === 1 ? this.#answerEndpoint(name, service, below[0] ?? '', type) : MISSING;
  }

  #answerServiceItself(name: string, service: DnsService, type: string, aliases: number): ZoneAnswer {
    if (service.externalName !== undefined) return this.#answerAlias(name, service.externalName, type, aliases);
    if (type === 'SRV') return this.#portRecords(name, service, () => true);
    return addressesFound(name, this.#addressesOf(service), type);
  }

  #answerAlias(name: string, target: string, type: string, aliases: number): ZoneAnswer {
    const alias = record(name, 'CNAME', target);
    if (type === 'CNAME' || aliases >= MOST_ALIASES) return found([alias]);
    const { domain } = this.#options;
    if (!target.endsWith(`.${domain}`)) return { kind: 'alias', answers: [alias], target };
    const next = this.#answerInside(target, target.slice(0, -domain.length - 1).split('.'), type, aliases + 1);
    return next.kind === 'found' || next.kind === 'alias'
      ? { ...next, answers: [alias, ...next.answers] }
      : found([alias]);
  }

  /** `HOSTNAME.SERVICE…`: one endpoint, by its hostname or its address. */
  #answerEndpoint(name: string, service: DnsService, hostname: string, type: string): ZoneAnswer {
    const endpoints = this.#options.directory.endpoints(service).filter((endpoint) => endpoint.hostname === hostname);
    if (endpoints.length === 0) return MISSING;
    return addressesFound(
      name,
      endpoints.map(({ address }) => address),
      type,
    );
  }

  /** `_PORT._PROTOCOL.SERVICE…`, or an empty name on the way there. */
  #answerPorts(name: string, service: DnsService, labels: readonly string[], type: string): ZoneAnswer {
    const [protocol = '', port] = labels.map((label) => label.slice(1)).reverse();
    const fits = (candidate: { readonly name: string; readonly protocol: string }) =>
      candidate.protocol === protocol && (port === undefined || candidate.name === port);
    const exists = service.ports.some(fits);
    if (!exists || labels.length > 2) return MISSING;
    return type === 'SRV' && port !== undefined ? this.#portRecords(name, service, fits) : FOUND_NOTHING;
  }

  #portRecords(
    name: string,
    service: DnsService,
    fits: (port: { readonly name: string; readonly protocol: string }) => boolean,
  ): ZoneAnswer {
    const { directory, domain } = this.#options;
    const base = `${service.name}.${service.namespace}.svc.${domain}`;
    if (service.clusterAddresses.length > 0) {
      const answers = service.ports.filter(fits).map(({ port }) => portRecord(name, base, port, 1));
      const additionals = service.clusterAddresses.map((address) => addressRecord(base, address));
      return { kind: 'found', answers, additionals };
    }
    const ports = directory.endpointPorts(service).filter(fits);
    const answers = ports.map(({ hostname, port }) => portRecord(name, `${hostname}.${base}`, port, ports.length));
    const additionals = directory
      .endpoints(service)
      .map(({ hostname, address }) => addressRecord(`${hostname}.${base}`, address));
    return { kind: 'found', answers, additionals };
  }

  #answerReverse(name: string, address: string, type: string): ZoneAnswer {
    const names = this.#options.directory.namesOf(address);
    if (names.length === 0) return { kind: 'outside' };
    if (type !== 'PTR') return FOUND_NOTHING;
    return found(names.map((target) => record(name, 'PTR', `${target}.${this.#options.domain}`)));
  }

  #addressesOf(service: DnsService): readonly string[] {
    if (service.clusterAddresses.length > 0) return service.clusterAddresses;
    return shuffled(this.#options.directory.endpoints(service).map(({ address }) => address));
  }
}

function found(answers: readonly Answer[]): ZoneAnswer {
  return { kind: 'found', answers };
}

function addressesFound(name: string, addresses: readonly string[], type: string): ZoneAnswer {
  return found(
    addresses.map((address) => addressRecord(name, address)).filter((answer) => answer.type === type || type === 'ANY'),
  );
}

function addressRecord(name: string, address: string): Answer {
  return record(name, tryParseAddress(address)?.family === 6 ? 'AAAA' : 'A', address);
}

function portRecord(name: string, target: string, port: number, count: number): Answer {
  return record(name, 'SRV', { priority: 0, weight: Math.max(1, Math.floor(100 / count)), port, target });
}

function record(name: string, type: Answer['type'], data: unknown): Answer {
  return { name, type, class: 'IN', ttl: TTL, data } as Answer;
}

/** Clients take the first: let it be another each time. */
function shuffled<T>(items: readonly T[]): readonly T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}
