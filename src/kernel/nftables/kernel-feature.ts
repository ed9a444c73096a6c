import { release } from 'node:os';

/** What this kernel's nf_tables can do beyond the oldest that is supported. */
export interface KernelFeatures {
  /** Tables may be bound to a socket and yet outlive it: flags `owner` with `persist`, Linux 6.9. */
  readonly persistentOwner: boolean;
  /** The devices of a netdev chain can be added to and taken from, Linux 6.4. */
  readonly changingDevices: boolean;
  /** The size of a set can be changed, Linux 6.5. */
  readonly changingSizes: boolean;
}

/** The features of the running kernel, by its version: an older one would take a chain's devices' removal for the chain's own. */
export function kernelFeatures(version = release()): KernelFeatures {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  const since = (wantedMajor: number, wantedMinor: number) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return { persistentOwner: since(6, 9), changingDevices: since(6, 4), changingSizes: since(6, 5) };
}
