import { readFileSync } from 'node:fs';
import { FlatnetError } from '../error/flatnet-error.ts';

/** `linux/capability.h` */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/**
 * Arguments of util-linux' unshare(1) for a lab: namespaces of its own, a first process whose end ends all others, and
 * which ends itself when unshare does. Whoever may not make namespaces gets a user namespace to make them in.
 */
export function isolationArguments(privileged: boolean): string[] {
  const own = ['--kill-child', '--fork', '--pid', '--mount', '--net', '--ipc', '--uts', '--mount-proc'];
  // The files of a network namespace below /proc belong to the user namespace's root only if that is known when they are made.
  return privileged ? own : ['--user', '--map-root-user', '--', 'unshare', ...own];
}

/** Whether this process may make namespaces and configure networks without a user namespace. */
export function mayMakeNamespaces(status: string = readFileSync('/proc/self/status', 'utf8')): boolean {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((capability) => (effective >> capability) & 1n);
}

/** Sysctls that forbid user namespaces, with the value at which they do and the one that permits them. */
const GATES = [
  { file: '/proc/sys/user/max_user_namespaces', forbids: '0', remedy: 'user.max_user_namespaces=10000' },
  { file: '/proc/sys/kernel/unprivileged_userns_clone', forbids: '0', remedy: 'kernel.unprivileged_userns_clone=1' },
  {
    file: '/proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    forbids: '1',
    remedy: 'kernel.apparmor_restrict_unprivileged_userns=0',
  },
] as const;

/**
 * The error to tell when unshare(1) ended before the lab's init could speak.
 * @param output what unshare said
 * @param read a file's text, undefined where there is none
 */
export function explainIsolationFailure(
  output: string,
  privileged: boolean,
  read: (file: string) => string | undefined,
): FlatnetError {
  const closed = GATES.filter(({ file, forbids }) => read(file)?.trim() === forbids);
  const said = output.trim().split('\n').at(-1) ?? '';
  const details = { operation: 'start lab', code: 'unsupported' } as const;
  if (privileged)
    return new FlatnetError({
      ...details,
      message: `this machine does not let root make namespaces${said === '' ? '' : ` (${said})`}`,
      remedy: 'in a container, run it with --privileged; or start the lab as an ordinary user',
    });
  if (closed.length > 0)
    return new FlatnetError({
      ...details,
      message: `this machine forbids user namespaces to ordinary users (${closed.map(({ file }) => file).join(', ')})`,
      remedy: `permit them as root with: ${closed.map(({ remedy }) => `sysctl -w ${remedy}`).join('; ')}; or run the lab as root`,
    });
  return new FlatnetError({
    ...details,
    message: `a user namespace cannot be made here${said === '' ? '' : ` (${said})`}`,
    remedy: 'run the lab as root; in a container, run that with --privileged or --security-opt seccomp=unconfined',
  });
}
