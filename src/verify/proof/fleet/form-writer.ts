import { type Address, formatAddress, sameAddress } from '../../../address/address.ts';
import { FAMILY_BITS } from '../../../address/family.ts';
import { formatPrefix, type Prefix } from '../../../address/prefix.ts';
import { literalBounds, literalNature } from '../../../netfilter/literal-bounds.ts';
import type { Literal, Rule, SetElement } from '../../../netfilter/node.ts';
import type { Glossary } from './glossary.ts';
import type { OwnNames, OwnPod } from './own-names.ts';
import type { Probe, ProbeRegister } from './probe.ts';

/**
 * Writes what a host is made of in words that don't tell it from a host that is made alike: its own addresses and devices
 * by their roles, sets of addresses by numbers of the host's probes. What isn't understood is written as it is, so that
 * at worst fewer hosts are alike than might be.
 */
export class FormWriter {
  readonly own: OwnNames;
  readonly glossary: Glossary;
  /** What the host asks of addresses; a probe's number is its place. */
  readonly probes: Probe[] = [];
  /** Literals of devices' names: which of the pods' devices they speak of is part of the pods' forms. */
  readonly deviceNames: string[] = [];
  /** Addresses that aren't the host's own: whose they are is told when all hosts are known. */
  readonly mentions: Address[] = [];
  /** Addresses that aren't the host's own, and that packets are translated to. */
  readonly targets: Address[] = [];
  /** Something tells pods or hosts apart in a way that forms don't say: then the host and its pods are like no others. */
  isSingular = false;
  readonly #register: ProbeRegister;
  readonly #numbers = new Map<number, number>();
  /** Whose rules are written, and whether they have named the pod. */
  #speaker: OwnPod | undefined;
  #namesSpeaker = false;
  readonly #rules = new Map<Rule, string>();

  constructor(own: OwnNames, register: ProbeRegister, glossary: Glossary) {
    this.own = own;
    this.glossary = glossary;
    this.#register = register;
  }

  /** An address that is compared as a whole; `pod` is whose form it is written into. */
  address(address: Address, pod?: OwnPod): string {
    const place = pod?.addresses.findIndex((one) => sameAddress(one, address)) ?? -1;
    if (place >= 0) return `@p${place}`;
    const root = this.own.rootName(address);
    if (root !== undefined) return root;
    if (this.own.isPods(address)) this.isSingular = true;
    this.mentions.push(address);
    return `~${address.family}`;
  }

  /** A rule of a chain that looks at one pod's packets only. */
  ruleOf(pod: OwnPod, rule: Rule): string {
    const known = this.#rules.get(rule);
    if (known !== undefined) return known;
    this.#speaker = pod;
    this.#namesSpeaker = false;
    const text = this.glossary.word(this.value(rule));
    this.#speaker = undefined;
    // what says nothing of the pod is the same rule for all
    if (!this.#namesSpeaker) this.#rules.set(rule, text);
    return text;
  }

  /** What a literal says of the pod whose rule it stands in. */
  #ofSpeaker(literal: Literal): string | undefined {
    const pod = this.#speaker;
    if (pod === undefined) return undefined;
    const name = nameIn(pod, literal);
    if (name !== undefined) this.#namesSpeaker = true;
    return name;
  }

  /** Addresses that are asked about together. */
  prefix(prefix: Prefix, pod?: OwnPod): string {
    const { address, length } = prefix;
    if (length === 0) return formatPrefix(prefix);
    if (length === FAMILY_BITS[address.family] && pod !== undefined) return this.address(address, pod);
    return this.#number(this.#register.ofPrefix(prefix));
  }

  #number(probe: Probe): string {
    let number = this.#numbers.get(probe.id);
    if (number === undefined) {
      number = this.probes.length;
      this.#numbers.set(probe.id, number);
      this.probes.push(probe);
    }
    return `#${number}`;
  }

  /** Any value made of plain objects: a rule, a set, a chain. */
  value(value: unknown): string {
    if (Array.isArray(value)) return this.#list(value);
    if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `'${value}'` : String(value);
    if (isLiteral(value)) return this.#literal(value);
    let text = '{';
    for (const key in value) {
      const content: unknown = value[key as keyof typeof value];
      if (SAID_ONLY.has(key) || content === undefined) continue;
      if (key === 'kind') {
        if (content === 'binary') this.isSingular ||= speaksOfAddresses(value);
        if (content === 'nat') this.#noteTargets(value);
      } else if (key === 'operator' && ORDERS.has(content)) this.isSingular ||= speaksOfAddresses(value);
      text += `${key}:${this.value(content)},`;
    }
    if ('key' in value && 'value' in value) this.#noteTargets(value.value);
    return `${text}}`;
  }

  /** What packets are translated to may be somebody else's. */
  #noteTargets(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if (!isLiteral(value)) {
      for (const part of Object.values(value)) this.#noteTargets(part);
      return;
    }
    const bounds = literalNature(value) === 4 || literalNature(value) === 6 ? literalBounds(value) : undefined;
    if (bounds === undefined) return;
    if (bounds.low !== bounds.high) this.isSingular = true;
    const address = { family: literalNature(value) === 4 ? 4 : 6, value: bounds.low } as const;
    if (this.own.rootName(address) === undefined && !this.own.isPods(address)) this.targets.push(address);
  }

  #list(values: readonly unknown[]): string {
    const probes = this.#speaker === undefined && isElements(values) ? this.#register.ofElements(values) : undefined;
    if (probes !== undefined && probes.length > 0) return `[${probes.map((probe) => this.#number(probe))}]`;
    let text = '[';
    for (const value of values) text += `${this.value(value)},`;
    return `${text}]`;
  }

  #literal(literal: Literal): string {
    const own = this.#ofSpeaker(literal);
    if (own !== undefined) return own;
    switch (literal.kind) {
      case 'address': {
        const name = this.own.rootName(literal.address) ?? (this.own.isPods(literal.address) ? '@pod' : undefined);
        const probe = this.#register.ofLiteral(literal);
        return `${name ?? formatAddress(literal.address)}${probe === undefined ? '' : this.#number(probe)}`;
      }
      case 'prefix':
      case 'range': {
        const probe = this.#register.ofLiteral(literal);
        return probe === undefined ? JSON.stringify(literal) : this.#number(probe);
      }
      case 'name':
        this.deviceNames.push(literal.name);
        return this.own.podLinks.has(literal.name) ? '@link' : `'${literal.name}'`;
      case 'mac':
        if (this.own.podMacs.has(literal.mac)) this.isSingular = true;
        return this.own.macName(literal.mac) ?? literal.mac;
      case 'number':
        return String(literal.value);
      default:
        return literal satisfies never;
    }
  }
}

/** What a pod's own address, MAC or device is called in its rules. */
function nameIn({ addresses, wire }: OwnPod, literal: Literal): string | undefined {
  switch (literal.kind) {
    case 'address': {
      const place = addresses.findIndex((one) => sameAddress(one, literal.address));
      return place < 0 ? undefined : `@p${place}`;
    }
    case 'mac':
      if (literal.mac === wire?.host.device.mac) return '@hostend';
      return literal.mac === wire?.pod.device.mac ? '@podend' : undefined;
    case 'name':
      return literal.name === wire?.host.device.name ? '@link' : undefined;
    default:
      return undefined;
  }
}

/** Fields that say something to people, or count. */
const SAID_ONLY: ReadonlySet<string> = new Set(['comment', 'text', 'packets', 'bytes']);

const LITERALS: ReadonlySet<unknown> = new Set(['address', 'prefix', 'range', 'name', 'mac', 'number']);

function isLiteral(value: object): value is Literal {
  return 'kind' in value && LITERALS.has(value.kind);
}

function isElements(values: readonly unknown[]): values is readonly SetElement[] {
  return (
    values.length > 0 &&
    values.every((one) => typeof one === 'object' && one !== null && 'key' in one && Array.isArray(one.key))
  );
}

/** Operators that ask which of two values is above the other. */
const ORDERS: ReadonlySet<unknown> = new Set(['<', '>', '<=', '>=']);

/** Arithmetic on addresses, and their order, ask more than whether they are some. */
function speaksOfAddresses(expression: object): boolean {
  return /"(?:field|key)":"(?:ip6? [sd]addr)"/.test(
    JSON.stringify(expression, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
  );
}
