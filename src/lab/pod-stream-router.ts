import type { PodStreams } from '../apiserver/streams/pod-streams.ts';

/**
 * One PodStreams for all hosts, which hands each call to the runtime of the pod's node.
 * @param streamsOf throws FlatnetError where there is no such node
 */
export function routePodStreams(streamsOf: (node: string) => PodStreams): PodStreams {
  return {
    logs: async (container, options) => streamsOf(container.node).logs(container, options),
    exec: async (container, command, streams) => streamsOf(container.node).exec(container, command, streams),
    attach: async (container, streams) => streamsOf(container.node).attach(container, streams),
    portForward: async (pod, port) => streamsOf(pod.node).portForward(pod, port),
  };
}
