import { reportError } from './cni-error.ts';
import type { CniEnvironment } from './environment.ts';
import { requestedVersion } from './version.ts';

/** One start of a plugin: its CNI_ variables, and what came on its stdin. */
export interface CniRequest {
  /** The name under which the executable was started, where it is known. */
  readonly plugin?: string;
  readonly environment: CniEnvironment;
  readonly stdin: string;
}

/** What the plugin's process ends with. */
export interface CniReply {
  readonly exit: number;
  readonly stdout: string;
}

/**
 * The reply that carries what `answer` resolves with (undefined: nothing is printed), or the error that it rejects with in
 * the form that the specification wants. Never rejects.
 */
export async function replyWith(
  request: CniRequest,
  answer: () => Promise<unknown>,
  onError: (error: unknown) => void = () => {},
): Promise<CniReply> {
  try {
    const printed = await answer();
    return { exit: 0, stdout: printed === undefined ? '' : JSON.stringify(printed) };
  } catch (error) {
    onError(error);
    return { exit: 1, stdout: JSON.stringify(reportError(error, requestedVersion(request.stdin))) };
  }
}
