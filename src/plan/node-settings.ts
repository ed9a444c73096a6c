import type { Wiring } from '../cni/attachment.ts';
import type { MasqueradeConfiguration } from './masquerade-configuration.ts';

/** What the operator chose for one node, as far as its plan depends on it. */
export interface NodeSettings {
  readonly wiring: Wiring;
  /** `off`: pods leave under their own addresses. Absent: everything that isn't in the cluster is masqueraded. */
  readonly masquerade?: 'off' | MasqueradeConfiguration;
  readonly allowForward: 'leave' | 'insert';
  /** MTU of pods in bytes, in place of the one that follows from the uplinks. */
  readonly mtu?: number;
  /** Flannel's nodes of this cluster run with DirectRouting, of which their annotations say nothing. */
  readonly flannelDirectRouting?: boolean;
  /** Routing protocols (RTPROT_*) whose routes may lie in the cluster's ranges: a predecessor's, say. */
  readonly acceptedProtocols?: readonly number[];
}
