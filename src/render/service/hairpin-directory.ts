import type { Address } from '../../address/address.ts';
import type { SetElement } from '../../netfilter/node.ts';
import type { ServicePool } from '../../plan/service/service-plan.ts';
import { addressLiteral } from '../rule.ts';
import type { ElementChanges } from './element-changes.ts';
import { SERVICE_SETS } from './service-set.ts';

/** The endpoints on this node, by how many pools have them. */
export class HairpinDirectory {
  readonly #uses = new Map<bigint, { readonly address: Address; count: number }>();
  readonly #before = new Map<bigint, { readonly address: Address; readonly present: boolean }>();

  add(pool: ServicePool): void {
    for (const { address, local } of pool.endpoints) if (local) this.#count(address, 1);
  }

  remove(pool: ServicePool): void {
    for (const { address, local } of pool.endpoints) if (local) this.#count(address, -1);
  }

  /** Tells what has become of the set since this was last called. */
  settle(changes: ElementChanges): void {
    for (const { address, present } of this.#before.values()) {
      const isPresent = this.#uses.has(address.value);
      if (present && !isPresent) changes.remove(SERVICE_SETS.hairpins, hairpinElement(address));
      if (!present && isPresent) changes.add(SERVICE_SETS.hairpins, hairpinElement(address));
    }
    this.#before.clear();
  }

  *elements(): Generator<readonly [string, SetElement]> {
    for (const { address } of this.#uses.values()) yield [SERVICE_SETS.hairpins, hairpinElement(address)];
  }

  #count(address: Address, step: number): void {
    const known = this.#uses.get(address.value);
    if (!this.#before.has(address.value)) this.#before.set(address.value, { address, present: known !== undefined });
    const count = (known?.count ?? 0) + step;
    if (count === 0) this.#uses.delete(address.value);
    else this.#uses.set(address.value, { address, count });
  }
}

function hairpinElement(address: Address): SetElement {
  return { key: [addressLiteral(address), addressLiteral(address)] };
}
