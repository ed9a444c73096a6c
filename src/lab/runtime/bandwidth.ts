import { parseQuantity } from './quantity.ts';

/** What a runtime passes as CNI's `bandwidth` capability: bits a second, and bits. */
interface ShapedBandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/** containerd leaves the burst as large as it goes. */
const BURST = 2 ** 31 - 1;

/** The limits that a pod's annotations ask for; undefined where they ask for none. @throws FlatnetError `invalid` */
export function shapedBandwidth(annotations: Readonly<Record<string, string>>): ShapedBandwidth | undefined {
  const ingress = annotations['kubernetes.io/ingress-bandwidth'];
  const egress = annotations['kubernetes.io/egress-bandwidth'];
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress !== undefined && { ingressRate: parseQuantity(ingress), ingressBurst: BURST }),
    ...(egress !== undefined && { egressRate: parseQuantity(egress), egressBurst: BURST }),
  };
}
