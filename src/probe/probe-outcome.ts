import { constants } from 'node:os';
import type { Address } from '../address/address.ts';
import { isFlatnetError } from '../error/flatnet-error.ts';
import type { ProbeReply } from './probe-message.ts';
import type { SocketAddress } from './socket/socket-address.ts';

export type ProbeProtocol = 'tcp' | 'udp';

export type ProbeFailure =
  | 'refused' // the address answered that nobody listens
  | 'timeout'
  | 'unreachable' // no route, or a router said so
  | 'prohibited' // a rule forbids it
  | 'source-not-local' // the sender doesn't bear the source address
  | 'reset'
  | 'garbled' // something answered that isn't ours
  | 'aborted'
  | 'error';

export type ProbeOutcome =
  | {
      readonly kind: 'delivered';
      /** What the receiver saw. */
      readonly reply: ProbeReply;
      /** The address that the sender used, as the sender sees it. */
      readonly sentFrom: Address;
      /** The address that the answer came from. */
      readonly replyFrom: SocketAddress;
    }
  | {
      readonly kind: 'failed';
      readonly reason: ProbeFailure;
      readonly errno?: number;
      /** What the receiver saw, where the probe did arrive and only the answer was lost. */
      readonly arrival?: ProbeReply;
    };

const { errno: ERRNO } = constants;

/** The outcome of a probe whose socket reported `errno`. */
export function failureOfErrno(errno: number): ProbeOutcome & { readonly kind: 'failed' } {
  return { kind: 'failed', reason: reasonOf(errno), errno };
}

/** The outcome of a probe whose socket threw. @throws the error itself where no system call is behind it */
export function failureOfError(error: unknown): ProbeOutcome & { readonly kind: 'failed' } {
  if (isFlatnetError(error) && error.errno !== undefined) return failureOfErrno(error.errno);
  throw error;
}

function reasonOf(errno: number): ProbeFailure {
  switch (errno) {
    case ERRNO.ECONNREFUSED:
      return 'refused';
    case ERRNO.ETIMEDOUT:
      return 'timeout';
    case ERRNO.ENETUNREACH:
    case ERRNO.EHOSTUNREACH:
      return 'unreachable';
    case ERRNO.EPERM:
    case ERRNO.EACCES:
      return 'prohibited';
    case ERRNO.EADDRNOTAVAIL:
      return 'source-not-local';
    case ERRNO.ECONNRESET:
      return 'reset';
    default:
      return 'error';
  }
}
