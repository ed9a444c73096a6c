import { formatPrefix, type Prefix } from '../../address/prefix.ts';
import type { EndReason } from '../model/end-reason.ts';
import type { PolicyStep, RuleStep } from '../model/flight.ts';
import { formatStepRule } from '../model/format-step.ts';
import type { Site } from '../model/site.ts';
import { endsOf } from './ends.ts';
import type { Explanation } from './explanation.ts';
import type { Fault } from './fault.ts';
import { formatExemption, iptablesTable } from './firewall-program.ts';
import { responsibleRule } from './responsible.ts';
import { policyMaker, type RuleMaker, ruleMaker } from './rule-maker.ts';

type RuleReason = Extract<EndReason, { readonly kind: 'rule' }>;

/** A rule, or the policy of a chain, that lets packets of the cluster go no further. */
export function dropRule(fault: Fault): Explanation | undefined {
  const { reason, at } = fault.way;
  if (reason.kind !== 'rule') return undefined;
  const { by } = reason;
  if (by === undefined) return { cause: `packets are ${verb(reason)} at ${reason.hook}`, responsible: at.name };
  return explainDrop(at, reason, by, endsOf(fault));
}

/** The words for a packet that a rule stopped, with what would let it pass. */
export function explainDrop(
  site: Site,
  reason: RuleReason,
  by: RuleStep | PolicyStep,
  ends: { readonly source: Prefix; readonly destination: Prefix },
): Explanation {
  const maker = by.kind === 'policy' ? policyMaker(by.table) : ruleMaker(by.table, by.chain, formatStepRule(by));
  const special = by.kind === 'policy' ? undefined : SPECIAL.find(({ rule }) => rule.test(formatStepRule(by)));
  if (special !== undefined) return { ...special.explanation, responsible: responsibleRule(site, by) };
  const shown = reason.bridgedBy === undefined ? '' : ' (br_netfilter shows it what a bridge passes on)';
  return {
    cause: `${subject(by, maker, reason)}${shown}`,
    responsible: responsibleRule(site, by),
    remedy: remedyFor(reason, by, maker, ends),
  };
}

/** Rules that a setting of their program's does away with. */
const SPECIAL: readonly { readonly rule: RegExp; readonly explanation: Explanation }[] = [
  {
    rule: /Drop (?:VXLAN|IPinIP) encapped packets originating in/,
    explanation: {
      cause: 'Calico drops what pods encapsulate themselves',
      remedy: 'set allowVXLANPacketsFromWorkloads and allowIPIPPacketsFromWorkloads to true in the FelixConfiguration',
    },
  },
  {
    rule: /^-A PREROUTING -d \S+ ! -i (?:docker0|br-[0-9a-f]{12}) -j DROP$/,
    explanation: {
      cause: 'Docker lets nobody but its bridge send to containers',
      remedy: `"allow-direct-routing": true in /etc/docker/daemon.json, or for one network com.docker.network.bridge.gateway_mode_ipv4=nat-unprotected`,
    },
  },
];

function verb({ with: how }: RuleReason): string {
  return how === undefined ? 'dropped' : 'rejected';
}

function subject(by: RuleStep | PolicyStep, maker: RuleMaker | undefined, reason: RuleReason): string {
  const what = reason.hook === 'forward' ? 'forwarded packets' : `packets at ${reason.hook}`;
  if (by.kind === 'policy') {
    const policy = `the policy of ${by.chain.name} is to drop ${what}`;
    return maker === 'Docker' ? `${policy}, as Docker sets it` : maker === undefined ? policy : `${policy} (${maker})`;
  }
  if (isPolicyChain(by.chain.name)) return `a network policy (${maker ?? by.chain.name}) lets packets not pass`;
  return `${maker === undefined ? 'a rule' : `a rule of ${maker}`} ${reason.with === undefined ? 'drops' : 'rejects'} ${what}`;
}

/** Chains that plugins write network policies into. */
function isPolicyChain(name: string): boolean {
  return /^(?:cali-(?:tw|fw|pi|po|pri|pro)-|KUBE-(?:POD-FW|NWPLCY)-)/.test(name);
}

function remedyFor(
  { hook }: RuleReason,
  by: RuleStep | PolicyStep,
  maker: RuleMaker | undefined,
  ends: { readonly source: Prefix; readonly destination: Prefix },
): string {
  const { source, destination } = ends;
  const from = formatPrefix(source);
  const to = formatPrefix(destination);
  const { table } = by;
  if (by.kind === 'rule' && isPolicyChain(by.chain.name))
    return 'if nobody asked for it, delete the network policy, or let it select these pods';
  switch (maker) {
    case 'Docker': {
      if (table.chains.some(({ name }) => name === 'DOCKER-USER'))
        return formatExemption({ table, chain: 'DOCKER-USER', source, destination, verdict: 'accept' });
      const accept = `iptables -P ${baseOf(by, hook)} ACCEPT`;
      return iptablesTable(table) === undefined
        ? `set "ip-forward-no-drop": true in /etc/docker/daemon.json`
        : `${accept}, and "ip-forward-no-drop": true in /etc/docker/daemon.json, so that Docker leaves it so`;
    }
    case 'firewalld':
      return `firewall-cmd --permanent --zone=trusted --add-source=${from} --add-source=${to} && firewall-cmd --reload`;
    case 'ufw':
      return `ufw route allow from ${from} to ${to}`;
    default:
      return formatExemption({ table, chain: baseOf(by, hook), source, destination, verdict: 'accept' });
  }
}

/** The base chain by which packets come to a rule, as far as one hook of its table has but one. */
function baseOf({ table, chain }: RuleStep | PolicyStep, hook: RuleReason['hook']): string {
  if (chain.base !== undefined) return chain.name;
  return table.chains.find(({ base }) => base?.hook === hook)?.name ?? chain.name;
}
