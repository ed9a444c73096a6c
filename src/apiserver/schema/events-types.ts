/** Types of `events.k8s.io/v1`, in the notation of type-notation.ts. */
export const EVENTS_TYPES = `
Event:
  action=6 string; apiVersion string; deprecatedCount=15 int32; deprecatedFirstTimestamp=13 time;
  deprecatedLastTimestamp=14 time; deprecatedSource=12 core.EventSource; eventTime=2! microTime; kind string;
  metadata=1 meta.ObjectMeta; note=10 string; reason=7 string; regarding=8 core.ObjectReference;
  related=9 core.ObjectReference; reportingController=4 string; reportingInstance=5 string; series=3 EventSeries;
  type=11 string
EventSeries:
  count=1! int32; lastObservedTime=2! microTime
`;
