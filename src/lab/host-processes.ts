import { readdirSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

const KINDS = ['mnt', 'uts', 'net'] as const;

/** How a process is known to be a host's: by its namespaces, written as `/proc/PID/ns/*` reads (`net:[4026531840]`). */
export interface HostMarks {
  /** The host's own network, mount and UTS namespaces. */
  readonly host: ReadonlySet<string>;
  /** Network namespaces of its pods. */
  readonly pods: ReadonlySet<string>;
}

/** The namespaces of a process. */
export function namespacesOf(pid: number): Set<string> {
  return new Set(KINDS.flatMap((kind) => namespaceOf(pid, kind) ?? []));
}

/** The network namespaces that are mounted on files of a directory. */
export function mountedNamespaces(directory: string): Set<string> {
  try {
    return new Set(readdirSync(directory).map((name) => `net:[${statSync(path.join(directory, name)).ino}]`));
  } catch {
    return new Set(); // nobody has made the directory
  }
}

/** Kills every process of a host; again and again, until none is left that could fork. */
export function killHostProcesses({ host, pods }: HostMarks): void {
  const belongs = (pid: number) =>
    KINDS.some((kind) => host.has(namespaceOf(pid, kind) ?? '')) || pods.has(namespaceOf(pid, 'net') ?? '');
  const killed = new Set<number>([process.pid]);
  for (;;) {
    const found = processes().filter((pid) => !killed.has(pid) && belongs(pid));
    if (found.length === 0) return;
    for (const pid of found) {
      killed.add(pid);
      kill(pid);
    }
  }
}

function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

/** `net:[4026531840]`; undefined where the process has ended. */
function namespaceOf(pid: number, kind: (typeof KINDS)[number]): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
