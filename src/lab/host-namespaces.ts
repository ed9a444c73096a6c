import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { checkCall, loadLibc } from '../kernel/libc.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { type HostDisk, mountHostDisk } from './host-disk.ts';

/** `linux/sched.h` */
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x2_0000;
const CLONE_NEWUTS = 0x400_0000;

/** Descriptors of the namespaces to come back to. */
interface Home {
  readonly mount: number;
  readonly uts: number;
}

let home: Home | undefined;

/**
 * setns(2) refuses a mount namespace to a thread that shares root and working directory with others, as all threads of
 * a process do; so this thread gets its own first. They are the same `/` for all, provided that nobody changes directory.
 */
function homeNamespaces(): Home {
  if (home !== undefined) return home;
  process.chdir('/');
  checkCall('unshare file system attributes', loadLibc().unshare(CLONE_FS));
  home = {
    mount: openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY),
    uts: openSync('/proc/thread-self/ns/uts', constants.O_RDONLY),
  };
  return home;
}

/** Elsewhere, this thread would do harm with every next step, so that failing to return ends the process. */
function returnHome({ mount, uts }: Home): void {
  if (loadLibc().setns(uts, CLONE_NEWUTS) < 0 || loadLibc().setns(mount, CLONE_NEWNS) < 0) process.abort();
}

/** The network, mount and UTS namespaces of one host. A sleeping process holds them and shows the host's files. */
export class HostNamespaces {
  readonly holder: ChildProcess;
  /** Of `holder`. */
  readonly pid: number;
  readonly #network: NetworkNamespace;
  readonly #mount: number;
  readonly #uts: number;

  private constructor(holder: ChildProcess, pid: number, network: NetworkNamespace) {
    this.holder = holder;
    this.pid = pid;
    this.#network = network;
    this.#mount = openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY);
    this.#uts = openSync(`/proc/${pid}/ns/uts`, constants.O_RDONLY);
  }

  /** Makes them, with the host's own directories mounted and its name set. @throws FlatnetError */
  static create(hostname: string, disk: HostDisk): HostNamespaces {
    const back = homeNamespaces();
    const network = NetworkNamespace.create();
    try {
      const holder = network.run(() => {
        checkCall('create host namespaces', loadLibc().unshare(CLONE_NEWNS | CLONE_NEWUTS), hostname);
        try {
          mountHostDisk(disk);
          const length = Buffer.byteLength(hostname);
          checkCall('set host name', loadLibc().sethostname(hostname, length), hostname);
          return spawn('sleep', ['infinity'], { stdio: 'ignore', cwd: '/', argv0: `host ${hostname}` });
        } finally {
          returnHome(back);
        }
      });
      if (holder.pid === undefined) throw new Error('sleep (coreutils) cannot be started');
      return new HostNamespaces(holder, holder.pid, network);
    } catch (error) {
      network.close();
      throw error;
    }
  }

  /** Runs a synchronous action with this thread in the host's namespaces; see LabHost.run. */
  run<Result>(action: () => Result): Result {
    const back = homeNamespaces();
    return this.#network.run(() => {
      try {
        checkCall('enter host', loadLibc().setns(this.#uts, CLONE_NEWUTS));
        checkCall('enter host', loadLibc().setns(this.#mount, CLONE_NEWNS));
        return action();
      } finally {
        returnHome(back);
      }
    });
  }

  /** Lets go of the descriptors and the holder; the namespaces last as long as processes are in them. */
  close(): void {
    this.holder.kill('SIGKILL');
    this.#network.close();
    closeSync(this.#mount);
    closeSync(this.#uts);
  }
}
