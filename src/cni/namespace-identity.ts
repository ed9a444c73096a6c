import { isFlatnetError } from '../error/flatnet-error.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';

/** Device and inode of the network namespace at a path; undefined where there is none. */
export function identifyNamespace(file: string): string | undefined {
  try {
    using namespace = NetworkNamespace.open(file);
    return namespace.identity;
  } catch (error) {
    if (isFlatnetError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** That of the network namespace that this process is in. */
export function identifyOwnNamespace(): string {
  using namespace = NetworkNamespace.current();
  return namespace.identity;
}
