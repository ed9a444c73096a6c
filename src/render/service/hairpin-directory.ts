import type { Address } from '../../address/address.ts';
import type { ServicePool } from '../../plan/service/service-plan.ts';
import type { ElementChanges } from './element-changes.ts';
import type { ElementCollection } from './element-collection.ts';
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

  /** One that a table has already, whether or not a pool will have it. */
  adopt(address: Address): void {
    this.#uses.set(address.value, { address, count: 0 });
  }

  /** Gives up what has been adopted and no pool has. */
  forgetUnused(): void {
    for (const [value, { address, count }] of this.#uses) {
      if (count > 0) continue;
      this.#uses.delete(value);
      if (!this.#before.has(value)) this.#before.set(value, { address, present: true });
    }
  }

  /** Tells what has become of the set since this was last called. */
  settle(changes: ElementChanges): void {
    for (const { address, present } of this.#before.values()) {
      const isPresent = this.#uses.has(address.value);
      if (present && !isPresent) writeHairpin(address, changes.removed);
      if (!present && isPresent) writeHairpin(address, changes.added);
    }
    this.#before.clear();
  }

  /** Writes the whole set. */
  write(elements: ElementCollection): void {
    for (const { address } of this.#uses.values()) writeHairpin(address, elements);
  }

  #count(address: Address, step: number): void {
    const known = this.#uses.get(address.value);
    if (!this.#before.has(address.value)) this.#before.set(address.value, { address, present: known !== undefined });
    const count = (known?.count ?? 0) + step;
    if (count === 0) this.#uses.delete(address.value);
    else this.#uses.set(address.value, { address, count });
  }
}

function writeHairpin(address: Address, elements: ElementCollection): void {
  elements.to(SERVICE_SETS.hairpins).address(address).address(address);
}
