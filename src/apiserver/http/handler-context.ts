import type { RegistryContext } from '../registry/registry-context.ts';
import type { PodStreams } from '../streams/pod-streams.ts';

/** What every request handler works with. */
export interface HandlerContext {
  readonly registry: RegistryContext;
  readonly podStreams: PodStreams | undefined;
  /** Ends watches and streams. */
  readonly signal: AbortSignal;
}
