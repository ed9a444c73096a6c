import { canonicalText } from './canonical-text.ts';
import type { WiredPod } from './wired-pod.ts';

/** What is said of one pod, for whoever looks whether the same is said of others. */
export class PodDossier {
  readonly pod: WiredPod;
  readonly #facts: string[] = [];
  readonly #rows: object[] = [];
  #isApart = false;

  constructor(pod: WiredPod) {
    this.pod = pod;
  }

  /** Notes something that holds of the pod. @param of what it is part of: `route`, the name of a set */
  addFact(of: string, fact: unknown): void {
    this.#facts.push(`${of} ${canonicalText(fact, this.pod.renaming)}`);
  }

  /** Notes a row that speaks of this pod and of no other. @param fact what it says, where its words don't tell */
  addRow(of: string, row: object, fact: unknown = row): void {
    this.addFact(of, fact);
    this.#rows.push(row);
  }

  /** Notes what a row of this pod is made of. */
  addParts(parts: readonly object[]): void {
    this.#rows.push(...parts);
  }

  /** Something sets the pod apart from all others. */
  setApart(): void {
    this.#isApart = true;
  }

  /** Equal for pods that are told apart by nothing but their addresses, and the names and MACs of their devices. */
  get signature(): string {
    if (this.#isApart) return this.pod.site.name;
    return this.#facts.sort().join('\n');
  }

  /** The rows that speak of this pod and of no other. */
  get rows(): readonly object[] {
    return this.#rows;
  }
}
