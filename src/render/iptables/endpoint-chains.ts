import { type Address, formatAddress } from '../../address/address.ts';
import { defaultPrefix, lastAddress } from '../../address/prefix.ts';
import type { IptablesChain, IptablesMatch, IptablesRule } from '../../netfilter/iptables/node.ts';
import type { PoolEndpoint, ServicePool } from '../../plan/service/service-plan.ts';
import { MARK_MASQUERADE } from './base-rules.ts';
import { endpointChainName, formatSocketAddress, type ServicePortIdentity } from './chain-name.ts';
import { exactly, jump, match, ofProtocol, option } from './iptables-rule.ts';

/** Rules that choose among a pool's endpoints: the one that the client had before, or else any by lot. */
export function choosingRules(identity: ServicePortIdentity, pool: ServicePool): readonly IptablesRule[] {
  const { endpoints, affinityTimeout } = pool;
  const targets = endpoints.map((endpoint) => ({ endpoint, name: endpointChainName(identity, endpoint) }));
  const returning =
    affinityTimeout === undefined
      ? []
      : targets.map(({ endpoint, name }) => ({
          matches: [recent(name, endpoint, ['rcheck'], ['seconds', String(affinityTimeout)], ['reap'])],
          target: jump(name),
        }));
  const lots = targets.map(({ name }, index) => ({
    matches: lot(targets.length - index),
    target: jump(name),
  }));
  return [...returning, ...lots];
}

/** The chain of one endpoint. Who reaches himself there is masqueraded, or the answer would not come back this way. */
export function endpointChain(
  identity: ServicePortIdentity,
  endpoint: PoolEndpoint,
  hasAffinity: boolean,
): IptablesChain {
  const name = endpointChainName(identity, endpoint);
  const remembering = hasAffinity ? [recent(name, endpoint, ['set'])] : [];
  return {
    name,
    rules: [
      { source: exactly(endpoint.address), matches: [], target: MARK_MASQUERADE },
      {
        ...ofProtocol(identity.protocol),
        matches: [...remembering, match(identity.protocol)],
        target: jump('DNAT', option('to-destination', formatSocketAddress(endpoint))),
      },
    ],
  };
}

/** True for one of `remaining` packets; of the last one nothing is asked. */
function lot(remaining: number): readonly IptablesMatch[] {
  if (remaining <= 1) return [];
  return [match('statistic', option('mode', 'random'), option('probability', formatProbability(1 / remaining)))];
}

/** The kernel keeps probabilities in 31 bits (`xt_statistic`), and iptables-save prints what it keeps. */
const PROBABILITY_STEPS = 2 ** 31;

/** A probability as kube-proxy writes it, in 10 decimals, and as iptables-save prints it then, in 11. */
export function formatProbability(probability: number): string {
  const kept = Math.round(Number(probability.toFixed(10)) * PROBABILITY_STEPS);
  return (kept / PROBABILITY_STEPS).toFixed(11);
}

/** A look at, or an entry in, the list of clients that a chain has sent to its endpoint. */
function recent(
  list: string,
  { address }: { readonly address: Address },
  ...asked: readonly (readonly [string, ...string[]])[]
): IptablesMatch {
  const wholeAddress = formatAddress(lastAddress(defaultPrefix(address.family)));
  return match(
    'recent',
    ...asked.map(([name, ...values]) => option(name, ...values)),
    option('name', list),
    option('mask', wholeAddress),
    option('rsource'),
  );
}
