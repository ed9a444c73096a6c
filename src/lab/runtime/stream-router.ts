import type { PodStreams } from '../../apiserver/streams/pod-streams.ts';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { PodRuntime } from './pod-runtime.ts';

/**
 * The ways into the pods of all hosts, for an API server that knows each pod's node.
 * @param runtimeOf the runtime of a host as it is now; undefined where there is no such host, or it is down
 */
export function routePodStreams(runtimeOf: (node: string) => PodRuntime | undefined): PodStreams {
  const streamsOf = (node: string): PodStreams => {
    const runtime = runtimeOf(node);
    if (runtime !== undefined) return runtime.streams;
    throw new FlatnetError({
      operation: 'reach pod',
      code: 'unavailable',
      message: `node ${node} runs no pods now`,
      remedy: 'try again when it has booted',
    });
  };
  return {
    logs: async (container, options) => await streamsOf(container.node).logs(container, options),
    exec: async (container, command, streams) => await streamsOf(container.node).exec(container, command, streams),
    attach: async (container, streams) => await streamsOf(container.node).attach(container, streams),
    portForward: async (pod, port) => await streamsOf(pod.node).portForward(pod, port),
  };
}
