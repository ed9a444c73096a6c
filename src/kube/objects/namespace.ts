import type { KubeObject } from '../object.ts';

/** v1 Namespace; gone once `spec.finalizers` is empty while it is being deleted. */
export interface Namespace extends KubeObject {
  readonly spec?: { readonly finalizers?: readonly string[] };
  readonly status?: { readonly phase?: 'Active' | 'Terminating' };
}
