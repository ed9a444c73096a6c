import type { Address } from '../../address/address.ts';
import { ADDRESS_TYPES } from '../../address/address-type.ts';
import type { Family } from '../../address/family.ts';
import { type Prefix, parsePrefix } from '../../address/prefix.ts';
import { PROTOCOL_NUMBERS } from '../../address/protocol.ts';
import type { BaseChain, Chain, Expression, Literal, Rule, Statement } from '../../netfilter/node.ts';
import {
  ACCEPT,
  addressLiteral,
  DROP,
  equals,
  field,
  goTo,
  isOutside,
  jump,
  numberLiteral,
  prefixLiteral,
  rule,
} from '../rule.ts';
import { type Affinity, affinityName, className, type EndpointClass } from './endpoint-class.ts';
import { admissionKey, concatenation, type FamilyTerms, frontKey, PORT_KEY, TERMS } from './service-family.ts';
import { CLASS_MASK, NUMBER_MASK, poolMask, TRANSLATED } from './service-mark.ts';
import { SERVICE_SETS } from './service-set.ts';

/** Names of the sets that the surroundings fill, and of the map from classes to their chains. */
export const SURROUNDING_SETS = {
  nodeAddresses: 'node-addresses',
  peerAddresses: 'peer-addresses',
  podPrefixes: 'pod-prefixes',
  ownPrefixes: 'own-prefixes',
  clusterPrefixes: 'cluster-prefixes',
  classes: 'classes',
} as const;

/** Names of the chains of pools without endpoints. */
export const REFUSE_CHAIN = 'refuse';
export const DROP_CHAIN = 'discard';
const PICK_CHAIN = 'pick';
/** Name of the chain that keeps packets from other links away from loopback addresses. */
export const GUARD_CHAIN = 'loopback-guard';

/** `NF_IP_PRI_NAT_DST` and, before the masquerading of what leaves the cluster, just below `NF_IP_PRI_NAT_SRC`. */
const DESTINATION_NAT = -100;
const SOURCE_NAT = 99;
const LOOPBACK = parsePrefix('127.0.0.0/8');

/** What the fixed chains of a family depend on. */
export interface ChainFacts {
  readonly family: Family;
  /** This node's InternalIP; the kernel chooses a source where there is none. */
  readonly address: Address | undefined;
  readonly servicePrefixes: readonly Prefix[];
  /** In use. */
  readonly affinities: readonly Affinity[];
  /** Whether some front is for some sources only. */
  readonly restricted: boolean;
  /** Whether anything is served at loopback addresses. */
  readonly loopback: boolean;
}

const MARK: Expression = { kind: 'ct', key: 'mark' };
const TRANSPORT: Expression = { kind: 'meta', key: 'l4proto' };

function literal(value: Literal): Expression {
  return { kind: 'literal', literal: value };
}

function number(value: number): Expression {
  return literal(numberLiteral(value));
}

function lookUp(key: Expression, name: string): Expression {
  return { kind: 'map', key, name };
}

function setMark(value: Expression): Statement {
  return { kind: 'set-ct', key: 'mark', value };
}

function isIn(left: Expression, set: string): Statement {
  return { kind: 'match', operator: '==', left, right: { kind: 'set-reference', name: set } };
}

function isNotIn(left: Expression, set: string): Statement {
  return { kind: 'match', operator: '!=', left, right: { kind: 'set-reference', name: set } };
}

function isTransport(protocol: keyof typeof PROTOCOL_NUMBERS): Statement {
  return { kind: 'match', operator: '==', left: TRANSPORT, right: number(PROTOCOL_NUMBERS[protocol]) };
}

/** `ct mark & 0xfff00000`. */
const CLASS: Expression = { kind: 'binary', operator: '&', left: MARK, right: number(CLASS_MASK) };

const IS_TRANSLATED: Statement = { kind: 'match', operator: '==', left: CLASS, right: number(TRANSLATED) };

/** Puts our sign in the place of the class. */
const SIGN: Statement = setMark({
  kind: 'binary',
  operator: '|',
  left: { kind: 'binary', operator: '&', left: MARK, right: number(NUMBER_MASK) },
  right: number(TRANSLATED),
});

function base(
  hook: BaseChain['hook'],
  priority: number,
  type: BaseChain['type'] = 'nat',
): { readonly base: BaseChain } {
  return { base: { type, hook, priority, policy: 'accept' } };
}

/**
 * The chains that are there whatever services there are. Only the first packet of a connection comes by, as always with
 * NAT, but for what arrives for the host itself at the guard of loopback addresses, and for the look after strays.
 */
export function fixedChains(facts: ChainFacts): readonly Chain[] {
  const { family, loopback, affinities } = facts;
  const terms = TERMS[family];
  const guarded = loopback && family === 4;
  return [
    {
      name: 'prerouting',
      ...base('prerouting', DESTINATION_NAT),
      rules: [
        ...(guarded ? [rule(equals('ip daddr', prefixLiteral(LOOPBACK)), DROP)] : []),
        rule(isIn(field(terms.source), SURROUNDING_SETS.podPrefixes), goTo('from-inside')),
        rule(goTo('from-anywhere')),
      ],
    },
    { name: 'output', ...base('output', DESTINATION_NAT), rules: [rule(goTo('from-inside'))] },
    { name: 'postrouting', ...base('postrouting', SOURCE_NAT), rules: [rule(IS_TRANSLATED, goTo('translated'))] },
    { name: 'input', ...base('input', SOURCE_NAT), rules: [rule(IS_TRANSLATED, setMark(number(0)))] },
    { name: 'translated', rules: translatedRules(facts, terms) },
    { name: 'from-inside', rules: [...entryRules(facts, terms), ...insideRules(terms), rule(goTo('for-everyone'))] },
    { name: 'from-anywhere', rules: [...entryRules(facts, terms), rule(goTo('for-everyone'))] },
    { name: 'for-everyone', rules: everyoneRules(facts, terms) },
    ...affinities.map((affinity) => returningChain(terms, affinity)),
    {
      name: PICK_CHAIN,
      rules: [rule({ kind: 'vmap', key: CLASS, map: { name: SURROUNDING_SETS.classes } })],
    },
    {
      name: REFUSE_CHAIN,
      rules: [rule(isTransport('tcp'), { kind: 'reject', with: 'tcp reset' }), rule({ kind: 'reject' })],
    },
    { name: DROP_CHAIN, rules: [rule(DROP)] },
    ...strayChains(facts, terms),
    ...(guarded ? guardChains() : []),
  ];
}

/** What comes before any front: who may not connect. */
function entryRules({ restricted }: ChainFacts, terms: FamilyTerms): readonly Rule[] {
  const { restricted: fronts, admitted } = SERVICE_SETS;
  return restricted ? [rule(isIn(frontKey(terms), fronts), isNotIn(admissionKey(terms), admitted), DROP)] : [];
}

function insideRules(terms: FamilyTerms): readonly Rule[] {
  return [
    frontRule(frontKey(terms), SERVICE_SETS.insideFronts),
    nodePortRule(terms, SURROUNDING_SETS.nodeAddresses, SERVICE_SETS.insideNodePorts),
    nodePortRule(terms, SURROUNDING_SETS.peerAddresses, SERVICE_SETS.nodePorts),
  ];
}

function everyoneRules({ family, servicePrefixes }: ChainFacts, terms: FamilyTerms): readonly Rule[] {
  return [
    frontRule(frontKey(terms), SERVICE_SETS.fronts),
    nodePortRule(terms, SURROUNDING_SETS.nodeAddresses, SERVICE_SETS.nodePorts),
    nodePortRule(terms, SURROUNDING_SETS.nodeAddresses, SERVICE_SETS.localNodePorts),
    rule(isLocal(), setMark(lookUp(PORT_KEY, SERVICE_SETS.hostPorts)), goTo(PICK_CHAIN)),
    ...servicePrefixes
      .filter(({ address }) => address.family === family)
      .map((prefix) => rule(equals(terms.destination, prefixLiteral(prefix)), goTo(REFUSE_CHAIN))),
  ];
}

function frontRule(key: Expression, fronts: string): Rule {
  return rule(setMark(lookUp(key, fronts)), goTo(PICK_CHAIN));
}

function nodePortRule({ destination }: FamilyTerms, addresses: string, ports: string): Rule {
  return rule(isIn(field(destination), addresses), setMark(lookUp(PORT_KEY, ports)), goTo(PICK_CHAIN));
}

/** `fib daddr type local`. */
function isLocal(): Statement {
  return {
    kind: 'match',
    operator: '==',
    left: { kind: 'fib', selectors: ['daddr'], result: 'type' },
    right: number(ADDRESS_TYPES.local),
  };
}

/** Who is remembered: a client of a pool. @param pool its number, or a member's where `memberBits` say how to tell it */
function clientKey({ source }: FamilyTerms, memberBits?: number): Expression {
  const pool: Expression =
    memberBits === undefined
      ? MARK
      : { kind: 'binary', operator: '&', left: MARK, right: number(poolMask(memberBits)) };
  return concatenation(field(source), pool);
}

function returningName(affinity: Affinity): string {
  return `returning-${affinityName(affinity)}`;
}

/** A client that comes back: the member that it was led to, if that is still one; otherwise it is to be led anew. */
function returningChain(terms: FamilyTerms, affinity: Affinity): Chain {
  const { timeout, memberBits } = affinity;
  const members = lookUp(MARK, SERVICE_SETS.members);
  return {
    name: returningName(affinity),
    rules: [
      rule({
        kind: 'dynamic-set',
        operation: 'update',
        set: `affinity-${timeout}`,
        key: clientKey(terms, memberBits),
        value: MARK,
      }),
      ...(['tcp', 'udp', 'sctp'] as const).map((protocol) =>
        rule(isTransport(protocol), { kind: 'nat', type: 'dnat', address: members, flags: [] }),
      ),
      rule(setMark({ kind: 'binary', operator: '&', left: MARK, right: number(poolMask(memberBits)) })),
    ],
  };
}

/** The source of a translated connection: see ServicePlan. */
function translatedRules({ family, address, loopback }: ChainFacts, terms: FamilyTerms): readonly Rule[] {
  const fullyRandom = ['fully-random'] as const;
  const masquerade: Statement =
    address === undefined
      ? { kind: 'masquerade', flags: fullyRandom }
      : { kind: 'nat', type: 'snat', address: literal(addressLiteral(address)), flags: fullyRandom };
  return [
    rule(setMark(number(0))),
    rule(isIn(concatenation(field(terms.source), field(terms.destination)), SERVICE_SETS.hairpins), masquerade),
    ...(loopback && family === 4 ? [rule(equals('ip saddr', prefixLiteral(LOOPBACK)), masquerade)] : []),
    rule(
      isOutside(terms.source, SURROUNDING_SETS.clusterPrefixes),
      isOutside(terms.destination, SURROUNDING_SETS.ownPrefixes),
      masquerade,
    ),
  ];
}

/**
 * Packets of no connection (a late reset, say) come by no rule that translates; without this they would leave by the
 * default route, for an address that only means something here and from one that a fabric may hold for forged.
 */
function strayChains({ family, servicePrefixes }: ChainFacts, terms: FamilyTerms): readonly Chain[] {
  const CT_INVALID = 1;
  const isStray: Statement = {
    kind: 'match',
    operator: 'in',
    left: { kind: 'ct', key: 'state' },
    right: number(CT_INVALID),
  };
  const ranges = servicePrefixes.filter(({ address }) => address.family === family);
  if (ranges.length === 0) return [];
  return [
    {
      name: 'forward',
      ...base('forward', 0, 'filter'),
      rules: ranges.map((prefix) => rule(equals(terms.destination, prefixLiteral(prefix)), isStray, DROP)),
    },
  ];
}

/** With route_localnet, loopback addresses could be reached from other links, were it not for this. */
function guardChains(): readonly Chain[] {
  const CT_ESTABLISHED_OR_RELATED = 2 | 4;
  const notLoopback: Statement = {
    kind: 'match',
    operator: '!=',
    left: { kind: 'meta', key: 'iifname' },
    right: literal({ kind: 'name', name: 'lo' }),
  };
  return [
    {
      name: GUARD_CHAIN,
      ...base('input', 0, 'filter'),
      rules: [rule(equals('ip daddr', prefixLiteral(LOOPBACK)), notLoopback, goTo('loopback-from-elsewhere'))],
    },
    {
      name: 'loopback-from-elsewhere',
      rules: [
        rule(
          {
            kind: 'match',
            operator: 'in',
            left: { kind: 'ct', key: 'state' },
            right: number(CT_ESTABLISHED_OR_RELATED),
          },
          ACCEPT,
        ),
        rule(DROP),
      ],
    },
  ];
}

/** The choice among as many endpoints as pools of the class have, each as likely as the others. */
export function classChain(terms: FamilyTerms, wanted: EndpointClass): Chain {
  const { protocol, count, affinity } = wanted;
  const slot: Expression = { kind: 'numgen', mode: 'random', modulus: count, offset: 0 };
  const choice = concatenation(MARK, slot);
  const translate = (address: Expression): Rule =>
    rule(isTransport(protocol), { kind: 'nat', type: 'dnat', address, flags: [] });
  const name = className(wanted);
  if (affinity === undefined) return { name, rules: [rule(SIGN), translate(lookUp(choice, SERVICE_SETS.endpoints))] };
  const remember = {
    kind: 'dynamic-set',
    set: `affinity-${affinity.timeout}`,
    key: clientKey(terms, affinity.memberBits),
    value: MARK,
  } as const;
  return {
    name,
    rules: [
      rule(SIGN),
      rule(setMark(lookUp(clientKey(terms), remember.set)), jump(returningName(affinity))),
      rule(setMark(lookUp(choice, SERVICE_SETS.choices))),
      // To add is no way to change what there is, and what there is leads to nobody.
      rule({ ...remember, operation: 'delete' }),
      rule({ ...remember, operation: 'add' }),
      translate(lookUp(MARK, SERVICE_SETS.members)),
    ],
  };
}
