import type { KubeObject } from '../object.ts';
import type { ObjectReference } from './endpoint-slice.ts';
import type { KubeProtocol } from './service.ts';

/** v1 Endpoints: what EndpointSlices replaced, still read by old clients. */
export interface Endpoints extends KubeObject {
  readonly subsets?: readonly EndpointSubset[];
}

export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[];
  readonly notReadyAddresses?: readonly EndpointAddress[];
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: KubeProtocol }[];
}

export interface EndpointAddress {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
}
