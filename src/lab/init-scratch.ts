import { mkdirSync } from 'node:fs';
import { checkCall, loadLibc } from '../kernel/libc.ts';

/** `sys/mount.h` */
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MNT_DETACH = 2;

/** Mounts memory on a directory, visible in this mount namespace only and gone with it. */
export function mountScratch(directory: string): void {
  mkdirSync(directory, { recursive: true });
  checkCall(
    'mount scratch',
    loadLibc().mount('flatnet-lab', directory, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=700'),
    directory,
  );
}

/** Takes it away, so that the directory can be removed; what still uses it keeps it alive. */
export function unmountScratch(directory: string): void {
  loadLibc().umount2(directory, MNT_DETACH);
}
