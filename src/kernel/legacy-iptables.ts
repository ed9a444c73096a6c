import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Family } from '../address/family.ts';
import { checkCall, loadLibc } from './libc.ts';
import { systemError } from './system-error.ts';

/** Where the kernel lists the tables that legacy iptables has made in the reader's namespace; root alone may read it. */
const NAME_FILES: Readonly<Record<Family, string>> = {
  4: '/proc/thread-self/net/ip_tables_names',
  6: '/proc/thread-self/net/ip6_tables_names',
};

/** `sys/socket.h`, `netinet/in.h` */
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_RAW = 255;

/** `linux/netfilter_ipv4/ip_tables.h`, `linux/netfilter_ipv6/ip6_tables.h`: IPT_SO_GET_INFO and the like have one number in both. */
const GET_INFO = 64;
const GET_ENTRIES = 65;
const NAME_LENGTH = 32;
/** `struct ipt_getinfo`: name, u32 valid_hooks, hook_entry[5], underflow[5], num_entries, size. */
const INFO = { length: 84, underflow: 56, size: 80 } as const;
/** `struct ipt_get_entries`: name, u32 size, then entries that are aligned to 8 bytes. */
const ENTRIES = { size: 32, first: 40 } as const;
/** `struct xt_standard_target`: u16 size, 29 bytes of name, u8 revision, s32 verdict. */
const VERDICT = 32;
/** A verdict of a rule is `-NF_… - 1`, and NF_DROP is 0. */
const DROP = -1;
/** NF_INET_FORWARD */
const FORWARD = 2;

const FAMILIES = {
  // `target_offset` stands behind struct ipt_ip (84 bytes) and nfcache, or struct ip6t_ip6 (136) and nfcache
  4: { domain: 2, level: 0, targetOffset: 88 },
  6: { domain: 10, level: 41, targetOffset: 140 },
} as const;

/**
 * The tables of legacy iptables in the thread's namespace: nf_tables doesn't list them. To ask the kernel for one that
 * isn't there would make it, so this is asked first.
 */
export function readLegacyTables(family: Family): readonly string[] {
  try {
    return readFileSync(NAME_FILES[family], 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    // without the module there is no file, and no table
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * The policy of FORWARD in legacy iptables' table `filter`, as the kernel gives it to iptables-legacy itself.
 * @throws FlatnetError where the kernel refuses; the table must be there
 */
export function readLegacyForwardPolicy(family: Family): 'accept' | 'drop' {
  const { domain, level, targetOffset } = FAMILIES[family];
  const libc = loadLibc();
  const fd = checkCall('open raw socket', libc.socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  try {
    const info = getOption(fd, level, GET_INFO, named(INFO.length));
    const size = info.readUInt32LE(INFO.size);
    const request = named(ENTRIES.first + size);
    request.writeUInt32LE(size, ENTRIES.size);
    const entries = getOption(fd, level, GET_ENTRIES, request).subarray(ENTRIES.first);
    const policy = info.readUInt32LE(INFO.underflow + 4 * FORWARD);
    const target = policy + entries.readUInt16LE(policy + targetOffset);
    return entries.readInt32LE(target + VERDICT) === DROP ? 'drop' : 'accept';
  } finally {
    libc.close(fd);
  }
}

function named(length: number): Buffer {
  const buffer = Buffer.alloc(length);
  buffer.write('filter', 0, NAME_LENGTH, 'latin1');
  return buffer;
}

function getOption(fd: number, level: number, option: number, value: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  const libc = loadLibc();
  for (;;) {
    if (libc.getsockopt(fd, level, option, value, length) >= 0) return value;
    const errno = libc.errno();
    // somebody replaces the table at this moment (`xt_replace_table`)
    if (errno !== constants.errno.EAGAIN) throw systemError('read legacy iptables', errno);
  }
}
