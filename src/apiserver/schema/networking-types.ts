/** Types of `networking.k8s.io/v1`, in the notation of type-notation.ts. */
export const NETWORKING_TYPES = `
IPBlock:
  cidr! string; except []string
NetworkPolicy:
  apiVersion string; kind string; metadata meta.ObjectMeta; spec NetworkPolicySpec
NetworkPolicyEgressRule:
  ports []NetworkPolicyPort; to []NetworkPolicyPeer
NetworkPolicyIngressRule:
  from []NetworkPolicyPeer; ports []NetworkPolicyPort
NetworkPolicyPeer:
  ipBlock IPBlock; namespaceSelector meta.LabelSelector; podSelector meta.LabelSelector
NetworkPolicyPort:
  endPort int32; port intOrString; protocol string
NetworkPolicySpec:
  egress []NetworkPolicyEgressRule; ingress []NetworkPolicyIngressRule; podSelector! meta.LabelSelector;
  policyTypes []string
`;
