import { type Address, formatAddress } from '../../address/address.ts';
import { defaultPrefix, lastAddress } from '../../address/prefix.ts';
import type { IptablesChain, IptablesMatch, IptablesRule } from '../../netfilter/iptables/node.ts';
import type { PoolEndpoint, ServicePool } from '../../plan/service/service-plan.ts';
import { MARK_MASQUERADE } from './base-rules.ts';
import { endpointChainName, formatSocketAddress, type ServicePortIdentity } from './chain-name.ts';
import { exactly, jump, match, ofProtocol, option } from './iptables-rule.ts';

/** An endpoint with the name of its chain. */
export interface NamedEndpoint {
  readonly endpoint: PoolEndpoint;
  readonly name: string;
}

/** Names are digests, and so dear: each is made once. */
export function nameEndpoints(identity: ServicePortIdentity, { endpoints }: ServicePool): readonly NamedEndpoint[] {
  return endpoints.map((endpoint) => ({ endpoint, name: endpointChainName(identity, endpoint) }));
}

/** Rules that choose among a pool's endpoints: the one that the client had before, or else any by lot. */
export function choosingRules(
  targets: readonly NamedEndpoint[],
  { affinityTimeout }: ServicePool,
): readonly IptablesRule[] {
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
  { endpoint, name }: NamedEndpoint,
  hasAffinity: boolean,
): IptablesChain {
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
  if (remaining <= 1) return NO_LOT;
  let found = LOTS.get(remaining);
  if (found === undefined) {
    const probability = formatProbability(1 / remaining);
    found = [match('statistic', option('mode', 'random'), option('probability', probability))];
    LOTS.set(remaining, found);
  }
  return found;
}

/** The same for every service. */
const NO_LOT: readonly IptablesMatch[] = [];
const LOTS = new Map<number, readonly IptablesMatch[]>();

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
