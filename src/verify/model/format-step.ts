import { formatAddress } from '../../address/address.ts';
import { formatPrefix } from '../../address/prefix.ts';
import { MAIN_TABLE, type NextHop, type Route } from '../../host/route.ts';
import { formatRule } from '../../netfilter/format-rule.ts';
import type { Chain, Table } from '../../netfilter/node.ts';
import type { Hop } from '../report.ts';
import type { HookStep, RuleStep } from './flight.ts';
import { formatEndReason } from './format-end-reason.ts';
import { formatPacket, sameTuple } from './packet.ts';
import type { WalkStep } from './walk-step.ts';

/** The steps of a packet's way as texts. */
export function hopsOf({ steps }: { readonly steps: readonly WalkStep[] }): readonly Hop[] {
  return steps.map(hopOf);
}

function hopOf(step: WalkStep): Hop {
  return { host: step.site.name, ...described(step) };
}

function described(step: WalkStep): Omit<Hop, 'host'> {
  switch (step.kind) {
    case 'send':
      return { stage: 'send', detail: formatPacket(step.packet) };
    case 'hook':
      return describedHook(step.by, `${step.hook}${step.bridged ? ' (bridged)' : ''}`);
    case 'route':
      return { stage: 'route', detail: formatWay(step.route, step.hop) };
    case 'receive':
      return { stage: 'receive', detail: step.device };
    case 'fabric': {
      const router = `the router ${formatAddress(step.router)}, which is not known here,`;
      const does = step.routed === true ? 'has a route by which it reaches' : 'is taken to reach';
      return { stage: 'fabric', detail: `${router} ${does} ${step.beyond.name}` };
    }
    case 'encapsulate':
      return { stage: 'encapsulate', detail: `${step.device}, VNI ${step.vni}, to ${formatAddress(step.remote)}` };
    case 'decapsulate':
      return { stage: 'decapsulate', detail: `${step.device}, VNI ${step.vni}: ${formatPacket(step.packet)}` };
    case 'end':
      return { stage: step.verdict, detail: formatEndReason(step.reason) };
    default:
      return step satisfies never;
  }
}

function describedHook(by: HookStep, hook: string): Omit<Hop, 'host'> {
  switch (by.kind) {
    case 'rule': {
      const text = formatStepRule(by);
      const leads = by.effect.startsWith('goto ') || by.effect.startsWith('jump ') || by.effect === 'return';
      const passing = leads && by.doubtful !== true && sameTuple(by.before, by.after);
      const effect = by.doubtful ? `${by.effect}, which nobody can tell` : by.effect;
      const said = text === '' ? effect : passing ? text : `${effect}: ${text}`;
      return { stage: `${hook}, ${formatPlace(by)}`, detail: said, ...(passing && { passing }) };
    }
    case 'policy':
      return { stage: `${hook}, ${formatPlace(by)}`, detail: 'policy drop' };
    case 'connection':
      return {
        stage: `${hook}, connection tracking`,
        detail: `translated as its connection is: ${formatPacket(by.after)}`,
      };
    default:
      return by satisfies never;
  }
}

/** `table ip filter, chain FORWARD`. */
export function formatPlace({ table, chain }: { readonly table: Table; readonly chain: Chain }): string {
  return `table ${table.family} ${table.name}, chain ${chain.name}`;
}

/** A rule as it was written, or in nft's words. */
export function formatStepRule({ table, rule }: Pick<RuleStep, 'table' | 'rule'>): string {
  const findSet = (name: string) => [...table.sets, ...table.maps].find((set) => set.name === name);
  return rule.text ?? formatRule(rule, { family: table.family, findSet });
}

/** `10.244.1.0/24 via 192.0.2.2 dev eth0`, as far as one of a route's next hops goes. */
export function formatWay({ destination, table }: Route, { gateway, device }: NextHop): string {
  const via = gateway === undefined ? '' : ` via ${formatAddress(gateway)}`;
  const where = table === MAIN_TABLE ? '' : ` table ${table}`;
  const to = destination.length === 0 ? 'default' : formatPrefix(destination);
  return `${to}${via} dev ${device ?? '?'}${where}`;
}
