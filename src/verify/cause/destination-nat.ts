import { type Address, sameAddress } from '../../address/address.ts';
import { formatStepRule } from '../model/format-step.ts';
import type { Site } from '../model/site.ts';
import type { Explanation } from './explanation.ts';
import { type Fault, translationsOf } from './fault.ts';
import { responsibleRule } from './responsible.ts';
import { ruleMaker } from './rule-maker.ts';

function isOwn({ state }: Site, address: Address): boolean {
  return state.addresses.some((row) => sameAddress(row.address, address));
}

/** A rule that leads packets for a pod or a node to somebody else. */
export function destinationNat({ way, receiver, evidence }: Fault): Explanation | undefined {
  const [met] = translationsOf(way, 'destination').filter(({ by }) => isOwn(receiver, by.before.destination));
  if (met === undefined || evidence.kind === 'answer-lost') return undefined;
  const maker = ruleMaker(met.by.table, met.by.chain, formatStepRule(met.by)) ?? 'a rule';
  return {
    cause: `${maker} leads packets for ${receiver.isRoot ? 'nodes' : 'pods'} elsewhere (DNAT)`,
    responsible: responsibleRule(met.site, met.by),
    remedy: "remove the rule, or let it name only addresses and ports that are nobody's own",
  };
}
