import { readFileSync } from 'node:fs';
import { bindOptional, checkCall } from './libc.ts';

/** `asm-generic/mman-common.h` */
const MADV_DONTNEED = 4;

/** A stretch of this process's memory, end exclusive. */
export interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Lets go of memory that this process has and doesn't use: free pages of the C library's heap, and pages of executables
 * and libraries, most of which only a program's start has a use for. What is needed again comes back by itself, from the
 * page cache, in a microsecond for sixteen pages; what the page cache lacks, from disk.
 */
export function releaseResidentMemory(): void {
  bindOptional('int malloc_trim(size_t pad)')?.(0);
  const madvise = bindOptional('int madvise(uintptr_t address, size_t length, int advice)');
  if (madvise === undefined) return;
  for (const { start, end } of parseCleanMappings(readFileSync('/proc/self/smaps', 'latin1')))
    checkCall('release memory', madvise(start, end - start, MADV_DONTNEED));
}

/**
 * The mappings of files, in the text of proc_pid_smaps(5), that hold nothing but what is in the file: those that nobody
 * may write to, and nobody has written to, as the dynamic linker does before it protects what it has relocated. Locked
 * ones, which madvise(2) refuses, are left out.
 */
export function parseCleanMappings(text: string): readonly Mapping[] {
  return Array.from(text.matchAll(MAPPING), ([, start, end, fields = '']): Mapping | undefined => {
    return WRITTEN.test(fields) || LOCKED.test(fields)
      ? undefined
      : { start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) };
  }).filter((mapping) => mapping !== undefined);
}

/** Private, readable, not writable, of a file; then its fields, a line each. */
const MAPPING = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ \S+ \d+ +\/.*((?:\n[A-Z]\w+:.*)+)/gm;
const WRITTEN = /^(Anonymous|Swap): +[1-9]/m;
const LOCKED = /^VmFlags:.* lo( |$)/m;
