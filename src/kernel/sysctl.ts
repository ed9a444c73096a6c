import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { FlatnetError } from '../error/flatnet-error.ts';
import { systemError } from './system-error.ts';

const ROOT = '/proc/sys';

/**
 * The file of a sysctl given by its dotted key, in which `/` stands for a dot inside a name, as in sysctl(8):
 * `net.ipv4.conf.eth0/1.rp_filter` is that of the device `eth0.1`.
 * @throws FlatnetError `invalid`
 */
export function sysctlPath(key: string): string {
  const parts = key.split('.').map((part) => part.replaceAll('/', '.'));
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    throw new FlatnetError({
      operation: 'find sysctl',
      code: 'invalid',
      message: `${JSON.stringify(key)} is not a sysctl key`,
      remedy: 'write it like net.ipv4.conf.eth0.rp_filter, with / for a dot inside a device name',
    });
  return `${ROOT}/${parts.join('/')}`;
}

/** The key of a file below /proc/sys: the inverse of `sysctlPath`. */
export function sysctlKey(file: string): string {
  return file
    .slice(ROOT.length + 1)
    .split('/')
    .map((part) => part.replaceAll('.', '/'))
    .join('.');
}

/** The value in the thread's network namespace, without the line feed; undefined where the kernel has no such key. */
export function readSysctl(key: string): string | undefined {
  try {
    return readFileSync(sysctlPath(key), 'utf8').trimEnd();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw failure('read', key, error);
  }
}

/** A value that is one integer; undefined where the kernel has no such key. @throws FlatnetError `io` for any other value */
export function readIntegerSysctl(key: string): number | undefined {
  const text = readSysctl(key);
  if (text === undefined) return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new FlatnetError({
    operation: 'read sysctl',
    code: 'io',
    message: `${key} is ${JSON.stringify(text)}, not a number`,
  });
}

/** Sets a value in the thread's network namespace. @throws FlatnetError `not-found` where the kernel has no such key */
export function writeSysctl(key: string, value: string): void {
  try {
    writeFileSync(sysctlPath(key), value, { flag: 'r+' });
  } catch (error) {
    throw failure('write', key, error, value);
  }
}

/** The devices that have a directory below `net.ipv4.conf` or `net.ipv6.conf`, `all` and `default` among them. */
export function sysctlDevices(family: 'ipv4' | 'ipv6'): readonly string[] {
  try {
    return readdirSync(`${ROOT}/net/${family}/conf`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function failure(verb: 'read' | 'write', key: string, cause: unknown, value?: string): unknown {
  if (!(cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number')) return cause;
  const assignment = value === undefined ? key : `${key} = ${value}`;
  return systemError(`${verb} sysctl`, -cause.errno, assignment);
}
