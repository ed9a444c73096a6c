import type { Address } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { hostPrefix, type Prefix } from '../../address/prefix.ts';
import { disjointPrefixes } from '../../address/prefix-set.ts';
import { OWNED } from '../../host/owned-state.ts';
import type { Chain, MapElement, SetElement, Table } from '../../netfilter/node.ts';
import { addressOf } from '../../plan/peer-directory.ts';
import type { ServiceSurroundings } from '../../plan/service/service-plan.ts';
import { addressLiteral, numberLiteral, prefixLiteral } from '../rule.ts';
import {
  type Affinity,
  affinityName,
  className,
  DROPPED_CLASS,
  type EndpointClass,
  type NumberedClass,
  REFUSED_CLASS,
} from './endpoint-class.ts';
import {
  type ChainFacts,
  classChain,
  DROP_CHAIN,
  fixedChains,
  REFUSE_CHAIN,
  SURROUNDING_SETS,
} from './service-chain.ts';
import { type FamilyTerms, TERMS } from './service-family.ts';
import { frontMark } from './service-mark.ts';
import {
  admissionSets,
  affinityMap,
  type ExpectedElements,
  hairpinSet,
  map,
  serviceMaps,
  set,
  stickyMaps,
} from './service-set.ts';

/** All of a service table but what comes and goes with services: the sets for that are empty. */
export function serviceFrame(
  surroundings: ServiceSurroundings,
  classes: readonly NumberedClass[],
  facts: Pick<ChainFacts, 'family' | 'restricted' | 'loopback'> & { readonly expected?: ExpectedElements },
): Table {
  const { family, restricted } = facts;
  const terms = TERMS[family];
  const affinities = affinitiesOf(classes);
  const affinityTimeouts = [...new Set(affinities.map(({ timeout }) => timeout))];
  const chains = chainsFor(surroundings, { ...facts, affinities });
  return {
    family: terms.table,
    name: OWNED.serviceTable,
    flags: ['owner', 'persist'],
    sets: [
      ...surroundingSets(surroundings, family, terms),
      hairpinSet(terms),
      ...(restricted ? admissionSets(terms) : []),
    ],
    maps: [
      {
        ...map(SURROUNDING_SETS.classes, ['mark'], []),
        value: 'verdict',
        elements: classElements(classes),
      },
      ...serviceMaps(terms, facts.expected),
      ...(affinityTimeouts.length > 0 ? stickyMaps(terms) : []),
      ...affinityTimeouts.map((seconds) => affinityMap(terms, seconds)),
    ],
    chains: [...chains, ...classes.map((one) => chainOf(terms, one))],
  };
}

/** Those in use, each once. */
function affinitiesOf(classes: readonly NumberedClass[]): readonly Affinity[] {
  const byName = new Map(
    classes.flatMap(({ affinity }) => (affinity === undefined ? [] : [[affinityName(affinity), affinity] as const])),
  );
  return [...byName.values()].sort((left, right) => left.timeout - right.timeout || left.memberBits - right.memberBits);
}

/** Chains and sets that are the same objects as before needn't be compared rule by rule and element by element. */
interface Rendered {
  readonly chains: Map<string, readonly Chain[]>;
  readonly sets: Map<FamilyTerms, Table['sets']>;
}

const rendered = new WeakMap<ServiceSurroundings, Rendered>();

function renderedFor(surroundings: ServiceSurroundings): Rendered {
  let known = rendered.get(surroundings);
  if (known === undefined) {
    known = { chains: new Map(), sets: new Map() };
    rendered.set(surroundings, known);
  }
  return known;
}

function chainsFor(
  surroundings: ServiceSurroundings,
  facts: Omit<ChainFacts, 'address' | 'servicePrefixes'>,
): readonly Chain[] {
  const { chains: known } = renderedFor(surroundings);
  const { family, restricted, loopback, affinities } = facts;
  const key = `${family} ${restricted} ${loopback} ${affinities.map(affinityName).join(' ')}`;
  let chains = known.get(key);
  if (chains === undefined) {
    const address = addressOf(surroundings.addresses, family);
    chains = fixedChains({ ...facts, address, servicePrefixes: surroundings.servicePrefixes });
    known.set(key, chains);
  }
  return chains;
}

/** By family and class. */
const classChains = new Map<string, Chain>();

function chainOf(terms: FamilyTerms, wanted: EndpointClass): Chain {
  const key = `${terms.table} ${className(wanted)}`;
  let chain = classChains.get(key);
  if (chain === undefined) {
    chain = classChain(terms, wanted);
    classChains.set(key, chain);
  }
  return chain;
}

function classElements(classes: readonly NumberedClass[]): readonly MapElement[] {
  const element = (number: number, chain: string): MapElement => ({
    key: [numberLiteral(frontMark(number, 0))],
    value: { kind: 'goto', chain },
  });
  return [
    element(REFUSED_CLASS, REFUSE_CHAIN),
    element(DROPPED_CLASS, DROP_CHAIN),
    ...classes.map((one) => element(one.number, className(one))),
  ];
}

function surroundingSets(surroundings: ServiceSurroundings, family: Family, terms: FamilyTerms): Table['sets'] {
  const { sets } = renderedFor(surroundings);
  let own = sets.get(terms);
  if (own === undefined) {
    const { addresses, podPrefixes, clusterPrefixes, nodePortAddresses, peerNodePortAddresses } = surroundings;
    const ofAddresses = (name: string, members: readonly Address[]) => ({
      ...set(name, [terms.address]),
      elements: members
        .filter((one) => one.family === family)
        .map((one): SetElement => ({ key: [addressLiteral(one)] })),
    });
    const ofPrefixes = (name: string, members: readonly Prefix[]) => ({
      ...set(name, [terms.address]),
      flags: ['interval'] as const,
      elements: members
        .filter(({ address }) => address.family === family)
        .map((one): SetElement => ({ key: [prefixLiteral(one)] })),
    });
    own = [
      ofAddresses(SURROUNDING_SETS.nodeAddresses, nodePortAddresses),
      ofAddresses(SURROUNDING_SETS.peerAddresses, peerNodePortAddresses),
      ofPrefixes(SURROUNDING_SETS.podPrefixes, podPrefixes),
      ofPrefixes(SURROUNDING_SETS.ownPrefixes, disjointPrefixes([...podPrefixes, ...addresses.map(hostPrefix)])),
      ofPrefixes(SURROUNDING_SETS.clusterPrefixes, clusterPrefixes),
    ];
    sets.set(terms, own);
  }
  return own;
}
