import { formatStepRule } from '../model/format-step.ts';
import { endsOf } from './ends.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, type MetRule, translationsOf } from './fault.ts';
import { formatExemption } from './firewall-program.ts';
import { responsibleRule } from './responsible.ts';
import { type RuleMaker, ruleMaker } from './rule-maker.ts';

/** A rule that gives packets inside the cluster another source. */
export function masquerade(fault: Fault): Explanation | undefined {
  const { evidence, way } = fault;
  if (evidence.kind !== 'source-translated' && evidence.kind !== 'answer-translated') return undefined;
  const [met] = translationsOf(way, 'source');
  if (met === undefined) return undefined;
  const maker = ruleMaker(met.by.table, met.by.chain, formatStepRule(met.by));
  const whose = sourceOf(fault);
  const isFlannel = fromOutsideOnly(formatStepRule(met.by));
  const who = isFlannel ? "flannel's last rule of POSTROUTING" : (maker ?? 'a rule');
  return {
    cause: `${who} ${isMasquerade(met) ? 'masquerades' : 'translates the source of'} packets of ${whose}`,
    responsible: responsibleRule(met.site, met.by),
    remedy: remedyFor(fault, met, isFlannel ? 'flannel' : maker),
  };
}

function isMasquerade({ by: { rule } }: MetRule): boolean {
  return rule.statements.some(({ kind }) => kind === 'masquerade');
}

function sourceOf({ sender, receiver }: Fault): string {
  return `${sender.isRoot ? 'nodes' : 'pods'} to ${receiver.isRoot ? 'nodes' : 'pods'}`;
}

/**
 * flannel's `! -s 10.244.0.0/16 -d 10.244.0.0/16 -j MASQUERADE`: what doesn't come from the range and goes into it; of
 * nodes with no address in it, that is all they send to pods elsewhere.
 */
function fromOutsideOnly(text: string): boolean {
  return /! -s (\S+) .*-d \1 .*-j MASQUERADE/.test(text) || /saddr != (\S+) .*daddr \1 .*masquerade/.test(text);
}

function remedyFor(fault: Fault, { by }: MetRule, maker: RuleMaker | undefined): string {
  const before = formatExemption({ table: by.table, chain: baseOf(by), ...endsOf(fault), verdict: 'return' });
  switch (maker) {
    case 'flannel':
      return `start flanneld without --ip-masq and let ip-masq-agent masquerade what leaves the cluster, or: ${before}`;
    case 'Docker':
      return `set "ip-masq": false in /etc/docker/daemon.json and masquerade only what leaves the cluster, or: ${before}`;
    case 'kube-proxy':
      return `tell kube-proxy the range of all pods (clusterCIDR), and leave masqueradeAll off; or: ${before}`;
    case 'ip-masq-agent':
      return 'add the ranges of pods and the addresses of nodes to nonMasqueradeCIDRs of ip-masq-agent';
    case 'Calico':
      return "add an IPPool of the other range with disabled: true, so that Calico takes it for the cluster's; or set natOutgoing to false";
    case 'Cilium':
      return "set ipv4NativeRoutingCIDR to a range that holds all pods and nodes, or use Cilium's ip-masq-agent";
    case 'the CNI plugins':
      return `set "ipMasq": false in the plugin's configuration in /etc/cni/net.d; or: ${before}`;
    default:
      return `let packets inside the cluster go by before it: ${before}`;
  }
}

/** The base chain of a rule's hook: an exemption must be asked before all that leads to the rule. */
function baseOf({ table, chain }: MetRule['by']): string {
  if (chain.base !== undefined) return chain.name;
  const base = table.chains.find((one) => one.base?.hook === 'postrouting' && one.base.type === 'nat');
  return base?.name ?? chain.name;
}
