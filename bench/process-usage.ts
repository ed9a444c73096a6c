import { readdirSync, readFileSync } from 'node:fs';

/** What a process has of the machine. */
export interface ProcessUsage {
  /** Resident memory in MB (10^6 bytes), now and at most. */
  readonly resident: number;
  readonly peak: number;
  /** Resident memory that no file stands behind, in MB. */
  readonly anonymous: number;
  /** Microseconds of processor since it started, of the threads that it has. */
  readonly processor: number;
}

/** Memory by proc_pid_status(5). */
export function readProcess(pid: number): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field: string) =>
    (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024) / 1e6;
  return {
    resident: megabytes('VmRSS'),
    peak: megabytes('VmHWM'),
    anonymous: megabytes('RssAnon'),
    processor: processorOf(pid),
  };
}

/** The first number of /proc/PID/task/TID/schedstat is nanoseconds on a processor; /proc/PID/stat counts in steps of 10 ms. */
function processorOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, one) => sum + one, 0) / 1000;
}
