import type { KubeClient } from '../../kube/kube-client.ts';
import { ENDPOINT_SLICES, NAMESPACES, SERVICES } from '../../kube/resource.ts';
import { watchResource } from '../../kube/resource-watch.ts';
import { ClusterZone } from './cluster-zone.ts';
import { type DnsListenAddress, DnsListener } from './dns-listener.ts';
import { DnsResponder } from './dns-responder.ts';
import { parseDnsService, parseDnsSlice } from './dns-service.ts';
import { ServiceDirectory } from './service-directory.ts';
import { type UpstreamServer, upstreamResolver } from './upstream-resolver.ts';

export interface ClusterDnsOptions {
  readonly client: KubeClient;
  readonly listen: readonly DnsListenAddress[];
  /** `cluster.local` unless given. */
  readonly domain?: string;
  /** The addresses under which pods know this server. */
  readonly servers?: readonly string[];
  /** Who resolves what isn't the cluster's; without any, other names don't exist. */
  readonly upstream?: readonly UpstreamServer[];
  readonly signal: AbortSignal;
  readonly onError?: (error: unknown) => void;
}

export interface ClusterDns {
  /** The ports of the listeners, in the order of `listen`. */
  readonly ports: readonly number[];
  /** Resolves when all names are known; rejects where the signal aborts before. */
  readonly ready: Promise<void>;
  /** Resolves when no socket is left. */
  readonly close: () => Promise<void>;
}

/**
 * Serves the names of a cluster's services and pods over UDP and TCP until `signal` aborts or it is closed. Resolves when
 * it listens; while `ready` is pending, names may still be missing.
 * @throws FlatnetError `io` where it cannot listen
 */
export async function startClusterDns(options: ClusterDnsOptions): Promise<ClusterDns> {
  const { client, domain = 'cluster.local', servers = [], upstream = [], onError = () => {} } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const directory = new ServiceDirectory();
  const zone = new ClusterZone({ domain, directory, servers });
  const responder = new DnsResponder(zone, upstream.length === 0 ? undefined : upstreamResolver(upstream));
  const listeners: DnsListener[] = [];
  const closeListeners = () => Promise.all(listeners.map((listener) => listener.close()));
  try {
    for (const address of options.listen) listeners.push(await DnsListener.open(responder, address));
  } catch (error) {
    await closeListeners();
    throw error;
  }
  const watches = [
    watchResource({
      client,
      signal,
      onError,
      resource: NAMESPACES,
      project: () => true,
      onChange: (name, _, present) => directory.applyNamespace(name, present === true),
    }),
    watchResource({
      client,
      signal,
      onError,
      resource: SERVICES,
      project: parseDnsService,
      onChange: (key, old, current) => directory.applyService(key, old, current),
    }),
    watchResource({
      client,
      signal,
      onError,
      resource: ENDPOINT_SLICES,
      project: parseDnsSlice,
      onChange: (key, old, current) => directory.applySlice(key, old, current),
    }),
  ];
  const ready = Promise.all(watches.map((watch) => watch.firstSync)).then(() => {});
  ready.catch(() => {});
  const closed = Promise.all(watches.map((watch) => watch.finished)).then(closeListeners);
  return {
    ports: listeners.map(({ port }) => port),
    ready,
    close: async () => {
      stop.abort(new Error('the cluster DNS was closed'));
      await closed;
    },
  };
}
