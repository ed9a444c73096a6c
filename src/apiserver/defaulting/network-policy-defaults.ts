import { type ApiObject, ensureObject, listAt, objectsAt, setDefault } from '../json-value.ts';

/** A policy's types follow from what it says, ports are TCP (networking/v1 defaults). */
export function applyNetworkPolicyDefaults(policy: ApiObject): void {
  const spec = ensureObject(policy, 'spec');
  ensureObject(spec, 'podSelector');
  for (const direction of ['ingress', 'egress']) {
    for (const rule of objectsAt(spec, direction)) {
      for (const port of objectsAt(rule, 'ports')) setDefault(port, 'protocol', 'TCP');
    }
  }
  if (listAt(spec, 'policyTypes').length > 0) return;
  spec.policyTypes = listAt(spec, 'egress').length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}
