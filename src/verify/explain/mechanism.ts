import { formatAddress, sameAddress } from '../../address/address.ts';
import type { Rule } from '../../netfilter/node.ts';
import type { RuleStep } from '../model/flight.ts';
import { formatEndReason } from '../model/format-end-reason.ts';
import { formatPlace, formatStepRule, formatWay } from '../model/format-step.ts';
import { formatPacket, type Packet } from '../model/packet.ts';
import type { Site } from '../model/site.ts';
import type { WalkOutcome } from '../model/walk-state.ts';
import type { WalkStep } from '../model/walk-step.ts';

/** One thing that a packet meets, in words; ways whose kinds are the same work alike. */
export interface MechanismPart {
  /** What sort of thing it is, without the names and addresses of the hosts at hand. */
  readonly kind: string;
  readonly text: string;
  /** Where it happens. */
  readonly site?: Site;
}

/** What the namespaces on a packet's way do to bring it there, in the order in which it meets them. */
export function mechanismOf(way: WalkOutcome): readonly MechanismPart[] {
  const parts: MechanismPart[] = [];
  let tunnel: string | undefined;
  for (const [index, step] of way.steps.entries()) {
    const before = way.steps[index - 1];
    if (step.kind === 'encapsulate') tunnel = step.device;
    if (step.kind === 'decapsulate') tunnel = undefined;
    const part = describe(step, before, tunnel);
    if (part !== undefined && parts.at(-1)?.text !== part.text) parts.push({ ...part, site: step.site });
  }
  for (const exemption of exemptionsOf(way)) {
    const last = parts.findLastIndex(({ site }) => site === exemption.site);
    parts.splice(last + 1, 0, exemption);
  }
  return parts;
}

function describe(step: WalkStep, before: WalkStep | undefined, tunnel: string | undefined): MechanismPart | undefined {
  const { site } = step;
  const who = site.name;
  switch (step.kind) {
    case 'send':
      // what a tunnel sends is part of the tunnel
      return undefined;
    case 'route': {
      const how = step.hop.gateway === undefined ? 'link' : 'gateway';
      const device = site.links.get(step.hop.device ?? '')?.kind.kind ?? '';
      const what = tunnel !== undefined && step.packet.carried !== undefined ? `what ${tunnel} sends` : 'it';
      const role = site.isRoot ? 'host' : 'pod';
      return {
        kind: `route ${role} ${how} ${device} ${step.route.destination.length === 0 ? 'default' : ''} ${what === 'it'}`,
        text: `${who} sends ${what} by its route ${formatWay(step.route, step.hop)}`,
      };
    }
    case 'receive': {
      const came = before?.site;
      const bridged = came !== undefined && !came.isRoot && !site.isRoot && came.host === site.host;
      if (!bridged) return undefined;
      return { kind: 'bridge', text: `a bridge of node/${site.host} passes it on to ${who} as a frame, unrouted` };
    }
    case 'fabric': {
      const does = step.routed === true ? 'has a route by which it reaches' : 'is taken to reach';
      return {
        kind: `fabric ${step.routed === true}`,
        text: `the router ${formatAddress(step.router)} between the hosts ${does} ${step.beyond.name}`,
      };
    }
    case 'encapsulate':
      return {
        kind: 'encapsulate',
        text: `${step.device} of ${who} wraps it for ${formatAddress(step.remote)} (VXLAN ${step.vni}): neighbour ${formatAddress(step.neighbour.address)} is ${step.entry.mac}, and that is behind ${formatAddress(step.remote)} (fdb)`,
      };
    case 'decapsulate':
      return { kind: 'decapsulate', text: `${step.device} of ${who} unwraps it` };
    case 'hook':
      return describeHook(step);
    case 'end':
      return undefined;
    default:
      return step satisfies never;
  }
}

function describeHook({ site, hook, by }: Extract<WalkStep, { readonly kind: 'hook' }>): MechanismPart | undefined {
  if (by.kind === 'policy') return { kind: 'policy', text: `${site.name} drops it: ${formatPlace(by)}, policy drop` };
  if (by.kind === 'connection')
    return { kind: 'undone', text: `${site.name} translates it as its connection is: ${formatPacket(by.after)}` };
  const rule = `${formatStepRule(by)} (${formatPlace(by)})`;
  const end = translatedEnd(by);
  if (end !== undefined)
    return { kind: `translate ${end} ${ruleKind(by)}`, text: `${site.name} gives it another ${end}: ${rule}` };
  const isSourceNat = hook === 'postrouting' && natRules(site).length > 0;
  if ((by.effect === 'return' || by.effect === 'accept') && isSourceNat)
    return { kind: `leave ${ruleKind(by)}`, text: `${site.name} leaves its source alone: ${rule}` };
  if (by.effect === 'accept' && (hook === 'forward' || hook === 'input'))
    return { kind: `accept ${hook}`, text: `${site.name} lets it pass: ${rule}` };
  if (by.effect === 'drop' || by.effect.startsWith('reject'))
    return { kind: `stop ${ruleKind(by)}`, text: `${site.name} stops it: ${rule}` };
  return undefined;
}

function ruleKind({ table, chain }: RuleStep): string {
  return `${table.name} ${chain.name}`;
}

function translatedEnd({ before, after }: RuleStep): 'source' | 'destination' | undefined {
  if (!sameAddress(before.source, after.source)) return 'source';
  return sameAddress(before.destination, after.destination) ? undefined : 'destination';
}

interface NatRule {
  readonly step: Pick<RuleStep, 'table' | 'chain' | 'rule'>;
}

const NAT_RULES = new WeakMap<Site, readonly NatRule[]>();

/** The rules of a host that write another source into packets that leave. */
function natRules(site: Site): readonly NatRule[] {
  const known = NAT_RULES.get(site);
  if (known !== undefined) return known;
  const rules = site.state.ruleset.tables.flatMap((table) =>
    table.flags.includes('dormant')
      ? []
      : table.chains.flatMap((chain) =>
          chain.rules.filter(writesSource).map((rule): NatRule => ({ step: { table, chain, rule } })),
        ),
  );
  NAT_RULES.set(site, rules);
  return rules;
}

function writesSource({ statements }: Rule): boolean {
  return statements.some(
    ({ kind, ...rest }) => kind === 'masquerade' || (kind === 'nat' && 'type' in rest && rest.type === 'snat'),
  );
}

/** Rules of this many that leave a packet out are told one by one. */
const MOST_EXEMPTIONS = 1;

/** Why nobody writes another source into a packet that is forwarded: the rules that would, and pass it over. */
function exemptionsOf(way: WalkOutcome): readonly MechanismPart[] {
  if (way.verdict !== 'delivered' || changesSource(way)) return [];
  const parts: MechanismPart[] = [];
  for (const site of new Set(way.steps.filter(({ kind }) => kind === 'route').map((step) => step.site))) {
    if (!site.isRoot || leftAlone(way, site)) continue;
    const family = way.packet.source.family;
    const rules = natRules(site).filter(
      ({ step: { table } }) => table.family === 'inet' || table.family === (family === 4 ? 'ip' : 'ip6'),
    );
    const shown = rules.slice(0, MOST_EXEMPTIONS).map(({ step }) => `${formatStepRule(step)} (${formatPlace(step)})`);
    const more = rules.length > shown.length ? `, and ${rules.length - shown.length} more` : '';
    parts.push(
      rules.length === 0
        ? { kind: 'no-nat', site, text: `${site.name} has no rule that writes another source` }
        : {
            kind: 'passed-over',
            site,
            text: `${site.name} keeps its source, for no rule that would write another takes it: ${shown.join('; ')}${more}`,
          },
    );
  }
  return parts;
}

function changesSource(way: WalkOutcome): boolean {
  const [begin] = way.steps;
  return begin?.kind === 'send' && !sameAddress(begin.packet.source, way.packet.source);
}

/** Whether a rule at postrouting said that it be left alone. */
function leftAlone(way: WalkOutcome, site: Site): boolean {
  return way.steps.some(
    (step) => step.site === site && step.kind === 'hook' && describeHook(step)?.kind.startsWith('leave') === true,
  );
}

/** How it ended, for whoever reads the way before it. */
export function describeEnd(way: WalkOutcome, sent: Packet): MechanismPart {
  const { reason, at, packet } = way;
  if (way.verdict !== 'delivered')
    return {
      kind: `end ${way.verdict} ${reason.kind}`,
      text: `${at.name}: ${way.verdict}, ${formatEndReason(reason)}`,
    };
  const same = sameAddress(packet.source, sent.source) && sameAddress(packet.destination, sent.destination);
  const seen = `${formatAddress(packet.source)} → ${formatAddress(packet.destination)}`;
  return {
    kind: `delivered ${same}`,
    text: same
      ? `${at.name} gets it as it was sent: ${seen}`
      : `${at.name} gets it as ${seen}, and not as it was sent (${formatAddress(sent.source)} → ${formatAddress(sent.destination)})`,
  };
}
