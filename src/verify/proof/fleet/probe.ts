import { AddressSet } from '../../../address/address-set.ts';
import type { Family } from '../../../address/family.ts';
import { lastAddress, type Prefix } from '../../../address/prefix.ts';
import { literalBounds, literalNature } from '../../../netfilter/literal-bounds.ts';
import type { Literal, SetElement } from '../../../netfilter/node.ts';

/** Addresses that some row, rule or set speaks of together: all that it can ask of an address is whether it is one of them. */
export interface Probe {
  readonly id: number;
  readonly family: Family;
  readonly addresses: AddressSet;
}

/** The probes of all hosts: of what says the same there is one. */
export class ProbeRegister {
  readonly #byRange = new Map<string, Probe>();
  readonly #byElements = new WeakMap<readonly SetElement[], readonly Probe[]>();
  #count = 0;

  ofPrefix(prefix: Prefix): Probe {
    const { family, value } = prefix.address;
    return this.#ofRange(family, value, lastAddress(prefix).value);
  }

  /** Undefined for a literal that isn't made of addresses. */
  ofLiteral(literal: Literal): Probe | undefined {
    const family = literalNature(literal);
    const bounds = literalBounds(literal);
    if ((family !== 4 && family !== 6) || bounds === undefined) return undefined;
    return this.#ofRange(family, bounds.low, bounds.high);
  }

  /** One for each family of the elements of a set of addresses, as long as there is nothing else in it; else undefined. */
  ofElements(elements: readonly SetElement[]): readonly Probe[] | undefined {
    const known = this.#byElements.get(elements);
    if (known !== undefined) return known;
    const prefixes = new Map<Family, AddressSet>();
    for (const element of elements) {
      const [literal, ...more] = element.key;
      const bounds = literal && literalBounds(literal);
      const family = literal && literalNature(literal);
      if (bounds === undefined || (family !== 4 && family !== 6) || more.length > 0 || 'value' in element)
        return undefined;
      prefixes.set(family, prefixes.get(family) ?? AddressSet.empty(family));
    }
    const probes = Array.from(prefixes.keys(), (family): Probe => {
      const addresses = AddressSet.ofRanges(
        family,
        elements.flatMap(({ key: [literal] }) => {
          const bounds =
            literal !== undefined && literalNature(literal) === family ? literalBounds(literal) : undefined;
          return bounds === undefined ? [] : [{ first: bounds.low, last: bounds.high }];
        }),
      );
      return { id: this.#count++, family, addresses };
    });
    this.#byElements.set(elements, probes);
    return probes;
  }

  #ofRange(family: Family, first: bigint, last: bigint): Probe {
    const key = `${family} ${first} ${last}`;
    const known = this.#byRange.get(key);
    if (known !== undefined) return known;
    const probe = { id: this.#count++, family, addresses: AddressSet.ofRange(family, first, last) };
    this.#byRange.set(key, probe);
    return probe;
  }
}
