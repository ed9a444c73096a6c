import { formatAddress } from '../address/address.ts';
import { formatPrefix, prefixContains } from '../address/prefix.ts';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { FOREIGN_PREFIXES_ANNOTATION, formatForeignPrefixes } from '../cluster/foreign-prefix.ts';
import type { Attachment } from '../cni/attachment.ts';
import type { Backend } from './backend/backend.ts';
import { BACKENDS } from './backend/backend-by-name.ts';
import { foreignPrefixes } from './conflict.ts';
import type { Finding } from './finding.ts';
import { describeForwardDrop } from './forward-drop.ts';
import type { ForwardDrop, HostFacts } from './host-facts.ts';
import type { LocalNode } from './local-node.ts';
import { planMasquerade } from './masquerade-plan.ts';
import { type NodeOutlook, outlookOf } from './node-outlook.ts';
import type { NodePlan, PeerPath } from './node-plan.ts';
import type { NodeSettings } from './node-settings.ts';
import type { Peer, PeerDirectory } from './peer-directory.ts';
import { peerPaths } from './peer-paths.ts';
import { planLocalNode } from './plan-local-node.ts';

/** Everything that a node's plan is made of. */
export interface NodeInput {
  /** Name of the node that the plan is for. */
  readonly node: string;
  readonly directory: PeerDirectory;
  readonly configuration: ClusterConfiguration;
  readonly facts: HostFacts;
  readonly attachments: readonly Attachment[];
  readonly settings: NodeSettings;
}

/** A plan, absent where a finding refuses it, and what was found on the way. */
export interface Planning<Plan> {
  readonly plan?: Plan;
  readonly findings: readonly Finding[];
}

/** A plan but for its paths, and what these are made of. */
export interface NodeOutline {
  readonly plan: Omit<NodePlan, 'paths'>;
  readonly local: LocalNode;
  readonly backend: Backend;
  /** Its paths, in parts that it shares with other nodes of the directory. */
  outlook(): NodeOutlook;
}

/** Plans a node: a pure function of its input. The cost grows with the number of peers and attachments. */
export function planNode(input: NodeInput): Planning<NodePlan> {
  const { plan: outline, findings } = outlineNode(input);
  if (outline === undefined) return { findings: [...findings, ...input.directory.findings] };
  const paths = [...peerPaths(outline.local, input.directory, outline.backend)];
  const peerFindings = paths.flatMap((path) => pathFindings(path));
  const mtuFindings = mismatches(outline.local, input.directory.peers.values());
  return {
    plan: { ...outline.plan, paths },
    findings: [...findings, ...input.directory.findings, ...peerFindings, ...mtuFindings],
  };
}

/** All of a plan whose cost doesn't grow with the number of peers. */
export function outlineNode(input: NodeInput): Planning<NodeOutline> {
  const { node: name, directory, configuration, facts, attachments, settings } = input;
  const node = directory.peers.get(name);
  if (node === undefined) return { findings: [unknownNode(name)] };
  const backend = BACKENDS[configuration.backend];
  const { local, findings: uplinkFindings } = planLocalNode(node, facts, backend, settings);
  const findings = [
    ...uplinkFindings,
    ...prefixFindings(node),
    ...wiringFindings(name, facts, attachments, settings),
    ...attachmentFindings(local, attachments, settings),
    ...forwardFindings(name, facts, settings),
  ];
  if (findings.some(({ severity }) => severity === 'refusal')) return { findings };
  const { addresses, podPrefixes, podMtu, overlays } = local;
  const plan: NodeOutline['plan'] = {
    node: name,
    addresses,
    podPrefixes,
    wiring: settings.wiring,
    podMtu,
    overlays: [overlays[4], overlays[6]].filter((overlay) => overlay !== undefined),
    attachments,
    masquerade: planMasquerade(podPrefixes, directory, configuration, settings),
    forward: { mode: settings.allowForward, drops: facts.forwardDropped },
    advertisedUplinks: facts.uplinks.filter((uplink) => uplink.acceptsRouterAdvertisements).map(({ device }) => device),
  };
  return { plan: { plan, local, backend, outlook: () => outlookOf(local, directory, backend) }, findings };
}

/**
 * The annotations that an agent sets on its own Node object: what others need for their paths to it, and what its host
 * already uses of the cluster's ranges. Absent as long as the node itself can't be planned.
 */
export function planAnnotations(input: Omit<NodeInput, 'attachments'>): Planning<Readonly<Record<string, string>>> {
  const { node: name, directory, configuration, facts, settings } = input;
  const foreign = {
    [FOREIGN_PREFIXES_ANNOTATION]: formatForeignPrefixes(
      foreignPrefixes(facts, configuration, settings.acceptedProtocols),
    ),
  };
  const node = directory.peers.get(name);
  if (node === undefined) return { plan: foreign, findings: [unknownNode(name)] };
  const backend = BACKENDS[configuration.backend];
  const { local, findings } = planLocalNode(node, facts, backend, settings);
  const refused = findings.some(({ severity }) => severity === 'refusal');
  // Before it has a prefix it has nothing to be reached at, and what it would say of its MTU may change.
  if (refused || local.podPrefixes.length === 0) return { plan: foreign, findings };
  return { plan: { ...foreign, ...backend.announce(local) }, findings };
}

function unknownNode(name: string): Finding {
  return {
    severity: 'refusal',
    code: 'node-unknown',
    subject: name,
    message: `there is no node ${name} in the cluster`,
    remedy: 'see whether the kubelet has registered under this name, or name the node in the configuration',
  };
}

function prefixFindings({ name, podPrefixes }: Peer): readonly Finding[] {
  if (podPrefixes.length > 0) return [];
  return [
    {
      severity: 'refusal',
      code: 'node-without-prefix',
      subject: name,
      message: `node ${name} has no pod prefix of its own that overlaps no other`,
      remedy: 'see whether flatnet controller runs, and whether the cluster prefixes have room for one node more',
    },
  ];
}

/** Without br_netfilter a bridged pod's connection to a service that leads back onto its bridge times out. */
function wiringFindings(
  name: string,
  facts: HostFacts,
  attachments: readonly Attachment[],
  { wiring }: NodeSettings,
): readonly Finding[] {
  const bridged = wiring === 'bridge' || attachments.some((attachment) => attachment.wiring === 'bridge');
  if (!bridged || facts.bridgeNetfilter) return [];
  return [
    {
      severity: 'refusal',
      code: 'bridge-netfilter-missing',
      subject: name,
      message: 'wiring bridge needs the kernel module br_netfilter, which is not loaded',
      remedy: 'run `modprobe br_netfilter` and name it in /etc/modules-load.d, or set wiring to point-to-point',
    },
  ];
}

/** What a pod was given when it came, and its node wouldn't give it now. */
function attachmentFindings(
  { podPrefixes, podMtu }: LocalNode,
  attachments: readonly Attachment[],
  { wiring }: NodeSettings,
): readonly Finding[] {
  return attachments.flatMap((attachment): Finding[] => {
    const { containerId, interfaceName } = attachment;
    const find = (code: Finding['code'], message: string): Finding => ({
      severity: 'warning',
      code,
      subject: `${containerId} ${interfaceName}`,
      message,
      remedy: 'delete the pod; its successor gets what the node has to give now',
    });
    const outside = attachment.addresses.filter(
      (address) => !podPrefixes.some((prefix) => prefixContains(prefix, address)),
    );
    return [
      ...outside.map((address) =>
        find(
          'attachment-outside-prefix',
          `${formatAddress(address)} of container ${containerId} is outside ${podPrefixes.map(formatPrefix).join(' and ')}: other nodes don't reach it`,
        ),
      ),
      ...(attachment.wiring === wiring
        ? []
        : [
            find(
              'attachment-outdated',
              `container ${containerId} is wired ${attachment.wiring}, and new pods ${wiring}: the two don't reach each other on this node`,
            ),
          ]),
      ...(attachment.mtu <= podMtu
        ? []
        : [
            find(
              'attachment-outdated',
              `the interface of container ${containerId} has MTU ${attachment.mtu}, and paths from this node carry ${podMtu}`,
            ),
          ]),
    ];
  });
}

function forwardFindings(
  name: string,
  { forwardDropped, forwardUnknown = [] }: HostFacts,
  { allowForward }: NodeSettings,
): readonly Finding[] {
  const remaining = forwardDropped.filter(({ legacy }) => allowForward === 'leave' || legacy === true);
  return [
    ...remaining.map(
      (drop): Finding => ({
        severity: 'warning',
        code: 'forward-dropped',
        subject: name,
        message: `${describeForwardDrop(drop)} drops what pods send and receive`,
        remedy: forwardRemedy(drop),
      }),
    ),
    ...forwardUnknown.map(
      (what): Finding => ({
        severity: 'warning',
        code: 'forward-unknown',
        subject: name,
        message: `the ${what} is unknown: it may drop what pods send and receive`,
        remedy: 'let the agent read it: it needs CAP_NET_ADMIN, and CAP_NET_RAW',
      }),
    ),
  ];
}

function forwardRemedy({ family, legacy }: ForwardDrop): string {
  if (legacy === true) return `run \`${family === 'ip' ? 'iptables' : 'ip6tables'}-legacy -P FORWARD ACCEPT\``;
  return "set its policy to accept, or set allowForward to insert: then one marked rule lets pods' packets pass";
}

function pathFindings({ node, prefix, path }: PeerPath): readonly Finding[] {
  if (path.kind !== 'none') return [];
  return [
    {
      severity: 'warning',
      code: 'peer-unreachable',
      subject: node,
      message: `there is no path to ${formatPrefix(prefix)}: ${path.why}`,
    },
  ];
}

/** Pods with a larger MTU than others drop or fragment what they send each other over UDP. */
function mismatches({ name, podMtu }: LocalNode, peers: Iterable<Peer>): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { name: peer, announcement } of peers)
    if (peer !== name && announcement.mtu !== undefined && announcement.mtu !== podMtu)
      findings.push({
        severity: 'warning',
        code: 'mtu-mismatch',
        subject: peer,
        message: `pods of node ${peer} have MTU ${announcement.mtu}, those of this node ${podMtu}`,
        remedy: `set mtu to ${Math.min(announcement.mtu, podMtu)} on both nodes, or give their uplinks the same MTU`,
      });
  return findings;
}
