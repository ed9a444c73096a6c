/** Types of `events.k8s.io/v1`, in the notation of type-notation.ts. */
export const EVENTS_TYPES = `
Event:
  action string; apiVersion string; deprecatedCount int32; deprecatedFirstTimestamp time;
  deprecatedLastTimestamp time; deprecatedSource core.EventSource; eventTime! microTime; kind string;
  metadata meta.ObjectMeta; note string; reason string; regarding core.ObjectReference;
  related core.ObjectReference; reportingController string; reportingInstance string; series EventSeries;
  type string
EventSeries:
  count! int32; lastObservedTime! microTime
`;
