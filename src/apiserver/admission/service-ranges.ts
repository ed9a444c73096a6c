import { type Prefix, parsePrefix } from '../../address/prefix.ts';

/** What services get their addresses and node ports from. */
export interface ServiceRanges {
  /** One a family, the primary family first. */
  readonly prefixes: readonly Prefix[];
  /** Both ends belong to it. */
  readonly nodePorts: { readonly first: number; readonly last: number };
}

/** What kubeadm and kube-apiserver take where nothing is said. */
export const DEFAULT_SERVICE_RANGES: ServiceRanges = {
  prefixes: [parsePrefix('10.96.0.0/12')],
  nodePorts: { first: 30_000, last: 32_767 },
};
