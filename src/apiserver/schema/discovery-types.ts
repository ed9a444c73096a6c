/** Types of `discovery.k8s.io/v1`, in the notation of type-notation.ts. */
export const DISCOVERY_TYPES = `
Endpoint:
  addresses! []string; conditions EndpointConditions; deprecatedTopology map[string]; hints EndpointHints;
  hostname string; nodeName string; targetRef core.ObjectReference; zone string
EndpointConditions:
  ready bool; serving bool; terminating bool
EndpointHints:
  forZones []ForZone
EndpointPort:
  appProtocol string; name string; port int32; protocol string
EndpointSlice:
  addressType! string; apiVersion string; endpoints! []Endpoint; kind string; metadata meta.ObjectMeta;
  ports []EndpointPort
ForZone:
  name! string
`;
