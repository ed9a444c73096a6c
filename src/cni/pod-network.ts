import type { Address } from '../address/address.ts';
import type { Prefix } from '../address/prefix.ts';
import type { Attachment, Wiring } from './attachment.ts';

/** What this node's pods get, as it stands now. */
export interface PodNetworkParameters {
  /** This node's own prefixes, at most one a family: one address of each for every pod. */
  readonly podPrefixes: readonly Prefix[];
  readonly wiring: Wiring;
  /** Of pods' interfaces, in bytes. */
  readonly mtu: number;
  /** What pods' default routes go by, at most one a family. */
  readonly gateways: readonly Address[];
}

export type Readiness =
  | { readonly state: 'ready'; readonly parameters: PodNetworkParameters }
  /** New pods cannot be attached; `remedy` is for a person. */
  | { readonly state: 'unready'; readonly why: string; readonly remedy?: string; readonly podsAffected: boolean };

/** What is known of a pod's interface that must go; all but the names may be unknown. */
export type DetachTarget = Pick<Attachment, 'containerId' | 'interfaceName' | 'hostLink'> & Partial<Attachment>;

/** The kernel's side of CNI: wires pods and unwires them. The agent implements it by planning and applying. */
export interface PodNetwork {
  readiness(): Readiness;

  /** The annotations of a pod of this node; undefined where it is not known (in time). Never rejects. */
  podAnnotations(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined>;

  /**
   * Makes the pod's interface and all that leads to it; packets flow when it resolves. The attachment is on disk already,
   * so that a reconciliation going on at the same time may do part of it. On failure `detach` follows.
   * @throws FlatnetError `conflict` where the namespace has an interface of that name which is not ours
   */
  attach(attachment: Attachment): Promise<void>;

  /**
   * Undoes `attach`, whatever of it was done; succeeds where there is nothing to undo. When it resolves, the interface
   * bears neither its name nor its addresses any more, and nothing leads to them: they may be given to another pod.
   * The pod's interface is ours only as the peer of `hostLink`: another's of the same name is left alone.
   * `namespacePath` is absent where the namespace has gone.
   */
  detach(target: DetachTarget): Promise<void>;

  /** Compares the kernel with the attachment. @throws FlatnetError that names the first difference */
  check(attachment: Attachment): Promise<void>;

  /**
   * Whether the host's end of the pod's veth pair is there. It goes when the pod's namespace goes, which makes it the
   * witness for pods whose namespace path cannot be seen from here.
   */
  isWired(attachment: Attachment): Promise<boolean>;
}
