import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createFileExclusively, readFileIfPresent } from '../kernel/atomic-file.ts';

/** proc_sys_kernel(5): made by the kernel once a boot. */
const KERNEL_BOOT_ID = '/proc/sys/kernel/random/boot_id';

/**
 * Names the present boot of this host. A host that is only namespaces boots without its kernel, so that the kernel's own
 * name is joined by one of ours, kept where nothing outlives a boot.
 * @param runDirectory usually /run/flatnet
 */
export function readBootIdentity(runDirectory: string): string {
  const file = path.join(runDirectory, 'boot-id');
  let mark = readFileIfPresent(file)?.trim();
  if (mark === undefined || mark === '') {
    mkdirSync(runDirectory, { recursive: true, mode: 0o700 });
    mark = randomUUID();
    createFileExclusively(file, `${mark}\n`, { durable: false });
  }
  return `${readFileSync(KERNEL_BOOT_ID, 'utf8').trim()}/${mark}`;
}
