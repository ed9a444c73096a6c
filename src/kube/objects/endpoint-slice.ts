import type { KubeObject } from '../object.ts';
import type { KubeProtocol } from './service.ts';

/** The label that names the service a slice belongs to. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** The label that names the controller a slice is written by. */
export const SLICE_MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSlice extends KubeObject {
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly SlicePort[] | null;
}

export interface SliceEndpoint {
  /** At least one; all but the first are ignored, as kube-proxy does (the API calls their meaning undefined). */
  readonly addresses: readonly string[];
  readonly conditions?: {
    /** Absent means true. */
    readonly ready?: boolean | null;
    /** Absent means the same as `ready`. */
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly hints?: {
    readonly forZones?: readonly { readonly name: string }[] | null;
    readonly forNodes?: readonly { readonly name: string }[] | null;
  };
  readonly targetRef?: ObjectReference;
}

export interface SlicePort {
  readonly name?: string | null;
  readonly protocol?: KubeProtocol | null;
  /** Absent means every port, which nobody can translate to. */
  readonly port?: number | null;
  readonly appProtocol?: string | null;
}

/** v1 ObjectReference. */
export interface ObjectReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly fieldPath?: string;
}
