/** Types of `discovery.k8s.io/v1`, in the notation of type-notation.ts. */
export const DISCOVERY_TYPES = `
Endpoint:
  addresses=1! []string; conditions=2 EndpointConditions; deprecatedTopology=5 map[string]; hints=8 EndpointHints;
  hostname=3 string; nodeName=6 string; targetRef=4 core.ObjectReference; zone=7 string
EndpointConditions:
  ready=1 bool; serving=2 bool; terminating=3 bool
EndpointHints:
  forNodes=2 []ForNode; forZones=1 []ForZone
EndpointPort:
  appProtocol=4 string; name=1 string; port=3 int32; protocol=2 string
EndpointSlice:
  addressType=4! string; apiVersion string; endpoints=2! []Endpoint; kind string; metadata=1 meta.ObjectMeta;
  ports=3 []EndpointPort
ForNode:
  name=1! string
ForZone:
  name=1! string
`;
