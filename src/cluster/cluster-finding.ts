/** Something in a cluster object that we cannot use; the rest of the object, and of the cluster, is used all the same. */
export interface ClusterFinding {
  /** Kind and key: `Service default/web`. */
  readonly object: string;
  /** Path within the object: `spec.clusterIPs[1]`. */
  readonly field: string;
  readonly message: string;
}

/** What an object says, as far as it can be understood. */
export interface Parsed<T> {
  /** Absent where the object is of no concern, or of no use. */
  readonly value?: T;
  readonly findings: readonly ClusterFinding[];
}

const NONE: readonly ClusterFinding[] = [];

/** Collects the findings of one object. */
export class FindingList {
  readonly #object: string;
  #findings: ClusterFinding[] | undefined;

  constructor(kind: string, metadata: { readonly namespace?: string; readonly name: string }) {
    this.#object = `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
  }

  add(field: string, message: string): void {
    this.#findings ??= [];
    this.#findings.push({ object: this.#object, field, message });
  }

  get all(): readonly ClusterFinding[] {
    return this.#findings ?? NONE;
  }
}
