import { describeError } from '../../error/flatnet-error.ts';
import type { JsonObject } from '../json-value.ts';
import type { ExecChannels } from './exec-channels.ts';
import type { ContainerReference, ExecStreams, PodStreams } from './pod-streams.ts';

/** What is to run: a command, or the container's own process. */
export type ExecRequest =
  | { readonly kind: 'exec'; readonly command: readonly string[]; readonly tty: boolean }
  | { readonly kind: 'attach'; readonly tty: boolean };

/** Runs it over the channels, and tells the client how it ended. Never rejects. */
export async function runExecSession(
  podStreams: PodStreams,
  container: ContainerReference,
  request: ExecRequest,
  channels: ExecChannels,
): Promise<void> {
  const { stdin, stdout, stderr, onResize, signal } = channels;
  const streams: ExecStreams = { stdin, stdout, stderr, tty: request.tty, onResize, signal };
  const status = await outcome(podStreams, container, request, streams);
  if (!signal.aborted) await channels.finish(JSON.stringify(status));
}

async function outcome(
  podStreams: PodStreams,
  container: ContainerReference,
  request: ExecRequest,
  streams: ExecStreams,
): Promise<JsonObject> {
  try {
    switch (request.kind) {
      case 'attach':
        await podStreams.attach(container, streams);
        return exitStatus(0);
      case 'exec':
        return exitStatus(await podStreams.exec(container, request.command, streams));
      default:
        return request satisfies never;
    }
  } catch (error) {
    const message = describeError(error);
    return {
      metadata: {},
      status: 'Failure',
      message,
      reason: 'InternalError',
      details: { causes: [{ message }] },
      code: 500,
    };
  }
}

/** The Status of an exit status (protocol v4 and later). */
export function exitStatus(code: number): JsonObject {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
