import { isDeepStrictEqual } from 'node:util';
import type { ClusterEndpointSlice } from './cluster-endpoint-slice.ts';
import type { ClusterFinding, Parsed } from './cluster-finding.ts';
import type { ClusterNode, ClusterPod, ClusterService, ClusterState, ServiceEndpoint } from './cluster-state.ts';
import { mergeEndpointSlices } from './merge-endpoint-slices.ts';

/** The keys of what has changed; all as in ClusterState. */
export interface ClusterChanges {
  readonly nodes: ReadonlySet<string>;
  readonly pods: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
  readonly endpoints: ReadonlySet<string>;
}

type ChangeSets = { readonly [K in keyof ClusterChanges]: Set<string> };

/**
 * A ClusterState that follows its objects one by one, at a cost that doesn't grow with the cluster. It always equals what
 * buildClusterState makes of the same objects. Changes that the network doesn't notice are none.
 */
export class LiveClusterState {
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #pods = new Map<string, ClusterPod>();
  readonly #services = new Map<string, ClusterService>();
  readonly #endpoints = new Map<string, readonly ServiceEndpoint[]>();
  /** By service, then by name of the slice. */
  readonly #slices = new Map<string, Map<string, ClusterEndpointSlice>>();
  /** Which service each slice was last of. */
  readonly #serviceOfSlice = new Map<string, string>();
  readonly #findings = new Map<string, readonly ClusterFinding[]>();
  #changes = emptyChanges();

  /** A view, not a copy: it changes as objects are applied. */
  readonly state: ClusterState = {
    nodes: this.#nodes,
    pods: this.#pods,
    services: this.#services,
    endpoints: this.#endpoints,
  };

  /** Each applyX takes an object's key and what it says, or undefined where it is gone; and tells if that matters. */
  applyNode(key: string, parsed: Parsed<ClusterNode> | undefined): boolean {
    return this.#apply(this.#nodes, 'nodes', key, parsed);
  }

  applyPod(key: string, parsed: Parsed<ClusterPod> | undefined): boolean {
    return this.#apply(this.#pods, 'pods', key, parsed);
  }

  applyService(key: string, parsed: Parsed<ClusterService> | undefined): boolean {
    return this.#apply(this.#services, 'services', key, parsed);
  }

  applyEndpointSlice(key: string, parsed: Parsed<ClusterEndpointSlice> | undefined): boolean {
    this.#note('endpoints', key, parsed);
    const slice = parsed?.value;
    const service = slice === undefined ? undefined : `${slice.namespace}/${slice.service}`;
    const before = this.#serviceOfSlice.get(key);
    if (service !== undefined && service === before) {
      if (isDeepStrictEqual(this.#slices.get(service)?.get(key), slice)) return false;
    } else if (before !== undefined) {
      this.#slices.get(before)?.delete(key);
      this.#serviceOfSlice.delete(key);
      this.#merge(before);
    }
    if (slice === undefined || service === undefined) return before !== undefined;
    const slices = this.#slices.get(service) ?? new Map<string, ClusterEndpointSlice>();
    this.#slices.set(service, slices.set(key, slice));
    this.#serviceOfSlice.set(key, service);
    this.#merge(service);
    return true;
  }

  /** What has changed since this was last called. */
  takeChanges(): ClusterChanges {
    const changes = this.#changes;
    this.#changes = emptyChanges();
    return changes;
  }

  /** What in the present objects cannot be used. */
  get findings(): readonly ClusterFinding[] {
    return [...this.#findings.values()].flat();
  }

  #apply<T>(map: Map<string, T>, kind: keyof ClusterChanges, key: string, parsed: Parsed<T> | undefined): boolean {
    this.#note(kind, key, parsed);
    const value = parsed?.value;
    const old = map.get(key);
    if (isDeepStrictEqual(old, value)) return false;
    if (value === undefined) map.delete(key);
    else map.set(key, value);
    this.#changes[kind].add(key);
    return true;
  }

  #merge(service: string): void {
    const slices = this.#slices.get(service);
    if (slices === undefined || slices.size === 0) {
      this.#slices.delete(service);
      this.#endpoints.delete(service);
    } else this.#endpoints.set(service, mergeEndpointSlices([...slices.values()]));
    this.#changes.endpoints.add(service);
  }

  #note(kind: string, key: string, parsed: Parsed<unknown> | undefined): void {
    const id = `${kind} ${key}`;
    if (parsed === undefined || parsed.findings.length === 0) this.#findings.delete(id);
    else this.#findings.set(id, parsed.findings);
  }
}

function emptyChanges(): ChangeSets {
  return { nodes: new Set(), pods: new Set(), services: new Set(), endpoints: new Set() };
}
