import { constants } from 'node:os';
import type { Address } from '../address/address.ts';
import { loadLibc } from '../kernel/libc.ts';
import { parseProbeReply } from './probe-message.ts';
import { failureOfErrno, failureOfError, type ProbeOutcome } from './probe-outcome.ts';
import type { SocketNamespace } from './probe-server.ts';
import { localEnd } from './socket/datagram-socket.ts';
import type { SocketAddress } from './socket/socket-address.ts';
import { READABLE, type SocketPoller } from './socket/socket-poller.ts';
import { connectStream, pendingError, reportedError } from './socket/stream-socket.ts';

/** A reply is one line of at most three addresses and a name. */
const LONGEST_REPLY = 1024;
const decoder = new TextDecoder();

/** A probe that is under way; once it has ended, both do nothing. */
export interface RunningProbe {
  /** Ends it with this outcome. */
  cancel(outcome: ProbeOutcome): void;
  /** Sends it once more, for the case that it or its answer was lost. */
  repeat(): void;
}

/** Connects, reads the one line that the receiver sends, and tells `done` once. */
export function startStreamProbe(
  poller: SocketPoller,
  namespace: SocketNamespace,
  target: { readonly to: SocketAddress; readonly source?: Address },
  done: (outcome: ProbeOutcome) => void,
): RunningProbe {
  const { to, source } = target;
  const options = { reset: true, reports: true, ...(source !== undefined && { source }) };
  let fd: number;
  try {
    fd = namespace.run(() => connectStream(to, options));
  } catch (error) {
    done(failureOfError(error));
    return { cancel: () => undefined, repeat: () => undefined };
  }
  let text = '';
  let open = true;
  const finish = (outcome: ProbeOutcome) => {
    if (!open) return;
    open = false;
    poller.remove(fd);
    loadLibc().close(fd);
    done(outcome);
  };
  const buffer = new Uint8Array(LONGEST_REPLY);
  poller.add(fd, READABLE, () => {
    const length = loadLibc().recv(fd, buffer, buffer.length, 0);
    if (length < 0) {
      const errno = loadLibc().errno();
      if (errno !== constants.errno.EAGAIN) return finish(failureOfErrno(pendingError(fd) || errno));
      const reported = reportedError(fd);
      if (reported !== 0) finish(failureOfErrno(reported));
      return;
    }
    text += decoder.decode(buffer.subarray(0, length));
    if (length > 0 && !text.endsWith('\n') && text.length < LONGEST_REPLY) return;
    const reply = parseProbeReply(text);
    if (reply === undefined) finish({ kind: 'failed', reason: 'garbled' });
    else finish({ kind: 'delivered', reply, sentFrom: localEnd(fd).address, replyFrom: to });
  });
  // TCP repeats by itself.
  return { cancel: finish, repeat: () => undefined };
}
