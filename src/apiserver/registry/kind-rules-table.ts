import { applyNetworkPolicyDefaults } from '../defaulting/network-policy-defaults.ts';
import {
  applyEndpointSliceDefaults,
  applyEndpointsDefaults,
  applyNamespaceDefaults,
  applySecretDefaults,
  carryNamespaceFinalizers,
  prepareNamespace,
} from '../defaulting/other-defaults.ts';
import { applyPodDefaults, preparePod } from '../defaulting/pod-defaults.ts';
import { applyServiceDefaults, prepareService } from '../defaulting/service-defaults.ts';
import {
  applyDaemonSetDefaults,
  applyDeploymentDefaults,
  applyReplicaSetDefaults,
  applyStatefulSetDefaults,
} from '../defaulting/workload-defaults.ts';
import { validateNetworkPolicy } from '../validation/network-policy-validation.ts';
import {
  validateData,
  validateDataUpdate,
  validateEndpointSlice,
  validateEndpointSliceUpdate,
  validateEvent,
  validateLease,
  validateNode,
  validateNodeUpdate,
  validateSecretUpdate,
} from '../validation/other-validation.ts';
import { validatePod, validatePodUpdate } from '../validation/pod-validation.ts';
import { validateService, validateServiceUpdate } from '../validation/service-validation.ts';
import {
  validateStatefulSetUpdate,
  validateWorkload,
  validateWorkloadUpdate,
} from '../validation/workload-validation.ts';
import type { KindRules } from './kind-rules.ts';

const RULES: Readonly<Record<string, KindRules>> = {
  configmaps: { validate: validateData, validateUpdate: validateDataUpdate },
  daemonsets: {
    applyDefaults: applyDaemonSetDefaults,
    validate: validateWorkload,
    validateUpdate: validateWorkloadUpdate,
  },
  deployments: {
    applyDefaults: applyDeploymentDefaults,
    validate: validateWorkload,
    validateUpdate: validateWorkloadUpdate,
  },
  endpoints: { applyDefaults: applyEndpointsDefaults },
  endpointslices: {
    applyDefaults: applyEndpointSliceDefaults,
    validate: validateEndpointSlice,
    validateUpdate: validateEndpointSliceUpdate,
  },
  events: { validate: validateEvent },
  leases: { validate: validateLease },
  namespaces: {
    applyDefaults: applyNamespaceDefaults,
    prepareCreate: prepareNamespace,
    prepareUpdate: carryNamespaceFinalizers,
  },
  networkpolicies: { applyDefaults: applyNetworkPolicyDefaults, validate: validateNetworkPolicy },
  nodes: { validate: validateNode, validateUpdate: validateNodeUpdate },
  pods: {
    applyDefaults: applyPodDefaults,
    prepareCreate: preparePod,
    validate: validatePod,
    validateUpdate: validatePodUpdate,
  },
  replicasets: {
    applyDefaults: applyReplicaSetDefaults,
    validate: validateWorkload,
    validateUpdate: validateWorkloadUpdate,
  },
  secrets: { applyDefaults: applySecretDefaults, validate: validateData, validateUpdate: validateSecretUpdate },
  services: {
    applyDefaults: applyServiceDefaults,
    prepareCreate: prepareService,
    validate: validateService,
    validateUpdate: validateServiceUpdate,
  },
  statefulsets: {
    applyDefaults: applyStatefulSetDefaults,
    validate: validateWorkload,
    validateUpdate: validateStatefulSetUpdate,
  },
};

const NO_RULES: KindRules = {};

/** The rules of the objects in that collection. */
export function kindRules(storage: string): KindRules {
  return RULES[storage] ?? NO_RULES;
}
