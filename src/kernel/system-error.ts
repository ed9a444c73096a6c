import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { type ErrorCode, FlatnetError } from '../error/flatnet-error.ts';

const { errno: ERRNO } = constants;

const CODES: ReadonlyMap<number, ErrorCode> = new Map([
  [ERRNO.EEXIST, 'conflict'],
  [ERRNO.ENOENT, 'not-found'],
  [ERRNO.ESRCH, 'not-found'],
  [ERRNO.ENODEV, 'not-found'],
  [ERRNO.ENXIO, 'not-found'],
  [ERRNO.EADDRNOTAVAIL, 'not-found'],
  [ERRNO.EPERM, 'permission'],
  [ERRNO.EACCES, 'permission'],
  [ERRNO.EAGAIN, 'unavailable'],
  [ERRNO.EBUSY, 'unavailable'],
  [ERRNO.EINTR, 'unavailable'],
  [ERRNO.ENOBUFS, 'unavailable'],
  [ERRNO.ENOMEM, 'unavailable'],
  [ERRNO.EOPNOTSUPP, 'unsupported'],
  [ERRNO.EAFNOSUPPORT, 'unsupported'],
  [ERRNO.EPROTONOSUPPORT, 'unsupported'],
  [ERRNO.ENOSYS, 'unsupported'],
  [ERRNO.ETIMEDOUT, 'timeout'],
]);

const REMEDIES: Partial<Record<ErrorCode, string>> = {
  permission: 'run it as root, or with CAP_NET_ADMIN in the user namespace that owns the network namespace',
  unavailable: 'try again',
};

/** The kind of failure that an errno stands for; `io` for those that mean nothing in particular. */
export function codeOfErrno(errno: number): ErrorCode {
  return CODES.get(errno) ?? 'io';
}

/** `EEXIST (file already exists)`, or `errno 133` for one that has no name here. */
export function describeErrno(errno: number): string {
  const [name, text] = getSystemErrorMap().get(-errno) ?? [];
  if (name !== undefined) return `${name} (${text})`;
  const known = Object.entries(ERRNO).find(([, number]) => number === errno);
  return known?.[0] ?? `errno ${errno}`;
}

/**
 * The error of a failed system call or netlink request.
 * @param errno positive, as in errno(3)
 * @param detail what was asked for, or what the kernel says about it
 */
export function systemError(operation: string, errno: number, detail?: string): FlatnetError {
  const code = codeOfErrno(errno);
  const remedy = REMEDIES[code];
  return new FlatnetError({
    operation,
    code,
    errno,
    message: detail === undefined ? describeErrno(errno) : `${describeErrno(errno)}: ${detail}`,
    ...(remedy !== undefined && { remedy }),
  });
}
