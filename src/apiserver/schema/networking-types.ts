/** Types of `networking.k8s.io/v1`, in the notation of type-notation.ts. */
export const NETWORKING_TYPES = `
IPBlock:
  cidr=1! string; except=2 []string
NetworkPolicy:
  apiVersion string; kind string; metadata=1 meta.ObjectMeta; spec=2 NetworkPolicySpec
NetworkPolicyEgressRule:
  ports=1 []NetworkPolicyPort; to=2 []NetworkPolicyPeer
NetworkPolicyIngressRule:
  from=2 []NetworkPolicyPeer; ports=1 []NetworkPolicyPort
NetworkPolicyPeer:
  ipBlock=3 IPBlock; namespaceSelector=2 meta.LabelSelector; podSelector=1 meta.LabelSelector
NetworkPolicyPort:
  endPort=3 int32; port=2 intOrString; protocol=1 string
NetworkPolicySpec:
  egress=3 []NetworkPolicyEgressRule; ingress=2 []NetworkPolicyIngressRule; podSelector=1! meta.LabelSelector;
  policyTypes=4 []string
`;
