import path from 'node:path';
import * as v from 'valibot';
import { type Prefix, parsePrefix } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { parseClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import type { Wiring } from '../cni/attachment.ts';
import { LONGEST_SERVER_PATH } from '../cni/cni-server.ts';
import { FlatnetError } from '../error/flatnet-error.ts';
import { parseBySchema, parsedText } from '../error/schema.ts';
import { parseYaml } from '../error/yaml.ts';

/** An address and a port to listen on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What an agent is told by its configuration file. */
export interface AgentConfiguration {
  /** Name of this host's Node object; the host's own name unless set. */
  readonly node: string | undefined;
  /** Path of a kubeconfig; the pod's service account unless set. */
  readonly kubeconfig: string | undefined;
  readonly cluster: ClusterConfiguration;
  readonly wiring: Wiring;
  /** MTU of pods in bytes; what the backend allows unless set. */
  readonly mtu: number | undefined;
  readonly allowForward: 'leave' | 'insert';
  readonly masquerade: { readonly enabled: boolean; readonly configFile: string };
  /** flannel's nodes of this cluster run with DirectRouting, of which their annotations say nothing. */
  readonly flannelDirectRouting: boolean;
  /** Routing protocols (RTPROT_*) whose routes into the cluster's ranges are no conflict: another router of ours. */
  readonly acceptedProtocols: readonly number[];
  /**
   * What leads to services: our own tables, or kube-proxy's iptables rules loaded by iptables-restore. `off`: another
   * proxy does, and host ports are somebody else's.
   */
  readonly serviceMode: 'nft' | 'iptables' | 'off';
  /**
   * Whether a plan is proved before it is applied: `enforce` refuses one that breaks a rule for this node's pods, `warn` says so
   * and applies it.
   */
  readonly verifyPlans: 'enforce' | 'warn' | 'off';
  /** Whose addresses of the host serve node ports; InternalIPs and 127.0.0.1 unless set. */
  readonly nodePortAddresses: readonly Prefix[] | undefined;
  readonly metrics: ListenAddress;
  readonly cni: {
    readonly binDirectory: string;
    readonly configurationDirectory: string;
    /** Seconds that the CNI executable waits for an agent that is away. */
    readonly waitSeconds: number;
  };
  /** Attachments and what is remembered of the cluster: survives a reboot. */
  readonly stateDirectory: string;
  /** Pod addresses, in host-local's layout. */
  readonly addressDirectory: string;
  /** The CNI socket: goes with a reboot. */
  readonly runDirectory: string;
  /** Seconds between reconciliations that nothing caused. */
  readonly resyncInterval: number;
}

const absolutePath = v.pipe(v.string(), v.regex(/^\//, 'must be an absolute path'));

/** Where the CNI executable reaches the agent. */
export function cniSocketIn(runDirectory: string): string {
  return path.join(runDirectory, 'cni.sock');
}

const runDirectory = v.pipe(
  absolutePath,
  v.check(
    (directory) => Buffer.byteLength(cniSocketIn(directory)) <= LONGEST_SERVER_PATH,
    `must be shorter: the path of the socket in it may have ${LONGEST_SERVER_PATH} bytes`,
  ),
);

const schema = v.strictObject({
  node: v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be the name of a Node'))),
  kubeconfig: v.optional(absolutePath),
  cluster: v.optional(v.unknown(), {}),
  wiring: v.optional(v.picklist(['point-to-point', 'bridge']), 'point-to-point'),
  mtu: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1280), v.maxValue(65535))),
  allowForward: v.optional(v.picklist(['leave', 'insert']), 'leave'),
  masquerade: v.optional(
    v.strictObject({
      enabled: v.optional(v.boolean(), true),
      configFile: v.optional(absolutePath, '/etc/config/ip-masq-agent'),
    }),
    {},
  ),
  flannelDirectRouting: v.optional(v.boolean(), false),
  acceptedProtocols: v.optional(v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))), []),
  serviceMode: v.optional(v.picklist(['nft', 'iptables', 'off']), 'nft'),
  verifyPlans: v.optional(v.picklist(['enforce', 'warn', 'off']), 'off'),
  nodePortAddresses: v.optional(v.array(parsedText(parsePrefix))),
  metrics: v.optional(v.string(), '127.0.0.1:10351'),
  cni: v.optional(
    v.strictObject({
      binDirectory: v.optional(absolutePath, '/opt/cni/bin'),
      configurationDirectory: v.optional(absolutePath, '/etc/cni/net.d'),
      waitSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(300)), 10),
    }),
    {},
  ),
  stateDirectory: v.optional(absolutePath, '/var/lib/flatnet'),
  addressDirectory: v.optional(absolutePath, '/var/lib/cni/networks'),
  runDirectory: v.optional(runDirectory, '/run/flatnet'),
  resyncInterval: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(3600)), 30),
});

/**
 * Reads an agent's configuration from YAML text; every field has a default.
 * @throws FlatnetError `invalid` that names the field, the value and the remedy
 */
export function parseAgentConfiguration(text: string): AgentConfiguration {
  const operation = 'read agent configuration';
  const parsed = parseBySchema(operation, schema, parseYaml(operation, text) ?? {});
  return {
    ...parsed,
    node: parsed.node,
    kubeconfig: parsed.kubeconfig,
    mtu: parsed.mtu,
    nodePortAddresses: parsed.nodePortAddresses,
    cluster: parseClusterConfiguration(parsed.cluster),
    metrics: parseListenAddress(parsed.metrics),
  };
}

/** `ADDRESS:PORT` or `[V6]:PORT`. @throws FlatnetError `invalid` */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65535) return { host, port };
  throw new FlatnetError({
    operation: 'read agent configuration',
    code: 'invalid',
    message: `metrics: ${JSON.stringify(text)} is not an address with a port`,
    remedy: 'write it like 127.0.0.1:10351 or [::1]:10351',
  });
}
