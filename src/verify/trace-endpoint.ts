import { type Address, tryParseAddress } from '../address/address.ts';
import type { ClusterState } from '../cluster/cluster-state.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import type { Site, SiteMap } from './model/site.ts';

/** Where a packet is sent. */
export interface TraceTarget {
  readonly address: Address;
  readonly port?: number;
  /** Who is meant, where the address is somebody's own. */
  readonly meant?: Site;
}

interface Written {
  readonly name: string;
  readonly port?: number;
}

/** `NAME:PORT`, `[V6]:PORT`, or without a port; a bare IPv6 address has none. */
function parseWritten(text: string): Written {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const name = bracketed ?? plain ?? text;
  return port === undefined ? { name } : { name, port: Number(port) };
}

function notFound(text: string, why: string, remedy: string): FlatnetError {
  return new FlatnetError({ operation: 'trace', code: 'not-found', message: `${text}: ${why}`, remedy });
}

/** The namespace that `pod/NAMESPACE/NAME`, `node/NAME` or `netns/HOST/ID` names. @throws FlatnetError `not-found` */
export function findSender(text: string, map: SiteMap): Site {
  const site = map.find(text);
  if (site !== undefined) return site;
  const names = map.sites.map(({ name }) => name);
  throw notFound(text, 'no such sender is known here', `name one of ${names.slice(0, 20).join(', ')}`);
}

/**
 * What `pod/NAMESPACE/NAME:PORT`, `node/NAME:PORT`, `svc/NAMESPACE/NAME:PORT` or `ADDRESS:PORT` names.
 * @param from who sends: of several addresses, one of a family that it speaks is taken
 * @throws FlatnetError `not-found`
 */
export function findTarget(text: string, from: Site, map: SiteMap, cluster: ClusterState | undefined): TraceTarget {
  const { name, port } = parseWritten(text);
  const rest = port === undefined ? {} : { port };
  const address = tryParseAddress(name);
  if (address !== undefined) return { address, ...rest };
  if (name.startsWith('svc/')) {
    const service = cluster?.services.get(name.slice('svc/'.length));
    if (service === undefined)
      throw notFound(text, 'no such service is known here', 'put a cluster.json into the snapshot');
    return { address: spoken(text, service.clusterAddresses, from), port: port ?? service.ports[0]?.port ?? 80 };
  }
  const site = map.find(name);
  if (site === undefined)
    throw notFound(
      text,
      'nobody of that name is known here',
      'write pod/NAMESPACE/NAME, node/NAME, svc/NAMESPACE/NAME:PORT or ADDRESS:PORT',
    );
  return { address: spoken(text, addressesOf(site, cluster), from), meant: site, ...rest };
}

/** A node's or a pod's addresses as the cluster knows them, else those on its devices. */
function addressesOf({ name, state }: Site, cluster: ClusterState | undefined): readonly Address[] {
  const [kind, first = '', second = ''] = name.split('/');
  const known = kind === 'node' ? cluster?.nodes.get(first) : cluster?.pods.get(`${first}/${second}`);
  if (known !== undefined && known.addresses.length > 0) return known.addresses;
  return state.addresses.filter(({ scope }) => scope === 'global').map(({ address }) => address);
}

function spoken(text: string, addresses: readonly Address[], { state }: Site): Address {
  const speaks = (family: 4 | 6) =>
    state.addresses.some((row) => row.scope === 'global' && row.address.family === family);
  const found = addresses.find(({ family }) => speaks(family));
  if (found === undefined)
    throw notFound(text, 'it has no address of a family that the sender speaks', 'name an address');
  return found;
}
