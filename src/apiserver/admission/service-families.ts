import { tryParseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { type FieldProblem, invalid } from '../field-problem.ts';
import { type JsonObject, objectAt, stringAt, stringsAt } from '../json-value.ts';
import { validateIpFamilies } from '../validation/service-validation.ts';

/** What families a service is to have: the fields of its spec, settled. */
export interface ServiceFamilies {
  readonly policy: string;
  readonly families: readonly Family[];
}

const FAMILY_NAMES: Readonly<Record<Family, string>> = { 4: 'IPv4', 6: 'IPv6' };
const POLICIES = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];

export function familyName(family: Family): string {
  return FAMILY_NAMES[family];
}

function familyOf(name: string): Family {
  return name === 'IPv6' ? 6 : 4;
}

/**
 * Settles policy and families from what the spec says and what addresses it asks for; `configured` are the cluster's,
 * primary first. Problems leave the result unused.
 */
export function settleFamilies(
  spec: JsonObject,
  configured: readonly Family[],
  problems: FieldProblem[],
): ServiceFamilies {
  const dual = configured.length > 1;
  const addresses = stringsAt(spec, 'clusterIPs').filter((address) => address !== 'None');
  const named = stringsAt(spec, 'ipFamilies');
  problems.push(...validateIpFamilies(spec));
  const wanted =
    named.length > 0 ? named.map(familyOf) : addresses.flatMap((text) => tryParseAddress(text)?.family ?? []);
  const policy = stringAt(spec, 'ipFamilyPolicy') ?? defaultPolicy(spec, wanted.length, dual);
  if (!POLICIES.includes(policy))
    problems.push(invalid('spec.ipFamilyPolicy', policy, `must be one of ${POLICIES.join(', ')}`));
  wanted.forEach((family, index) => {
    if (!configured.includes(family)) {
      problems.push(invalid(`spec.ipFamilies[${index}]`, familyName(family), 'not configured on this cluster'));
    }
  });
  if (policy === 'RequireDualStack' && !dual) {
    problems.push(invalid('spec.ipFamilyPolicy', policy, 'this cluster is not configured for dual-stack services'));
  }
  if (policy === 'SingleStack' && wanted.length > 1) {
    problems.push(
      invalid('spec.ipFamilyPolicy', policy, 'may not be SingleStack when multiple ipFamilies are specified'),
    );
  }
  const ordered = [...new Set([...wanted, ...configured])];
  return { policy, families: ordered.slice(0, policy === 'SingleStack' ? 1 : 2) };
}

function defaultPolicy(spec: JsonObject, wanted: number, dual: boolean): string {
  if (wanted > 1) return 'RequireDualStack';
  const selectorless = objectAt(spec, 'selector') === undefined;
  return spec.clusterIP === 'None' && selectorless && dual ? 'RequireDualStack' : 'SingleStack';
}
