import type { Family } from '../../address/family.ts';
import type { SetElement } from '../../netfilter/node.ts';
import { type ElementList, ElementPacker } from '../../netfilter/packed-elements.ts';
import { plainSets } from './service-set.ts';

/** Elements by their sets; packed but for those of intervals. */
export class ElementCollection implements Iterable<readonly [string, ElementList]> {
  readonly #family: Family;
  readonly #packed = new Map<string, ElementPacker>();
  readonly #nodes = new Map<string, SetElement[]>();

  constructor(family: Family) {
    this.#family = family;
  }

  /** Where the next element of a set is written, field by field. @throws RangeError where it is a set of intervals */
  to(set: string): ElementPacker {
    let packer = this.#packed.get(set);
    if (packer === undefined) {
      const declared = plainSets(this.#family).get(set);
      if (declared === undefined) throw new RangeError(`no plain set is called ${set}`);
      packer = new ElementPacker(declared);
      this.#packed.set(set, packer);
    }
    return packer;
  }

  addNode(set: string, element: SetElement): void {
    const elements = this.#nodes.get(set);
    if (elements === undefined) this.#nodes.set(set, [element]);
    else elements.push(element);
  }

  *[Symbol.iterator](): Generator<readonly [string, ElementList]> {
    for (const [set, packer] of this.#packed) yield [set, packer.elements];
    yield* this.#nodes;
  }
}
