import { readFile } from 'node:fs/promises';
import { FlatnetError } from '../../error/flatnet-error.ts';
import type { Clock } from '../clock.ts';

/** A bearer token that may change under way. */
export interface TokenSource {
  read(): Promise<string>;
  /** The server refused the token: read it anew next time. */
  expire(): void;
}

export function fixedToken(token: string): TokenSource {
  return { read: async () => token, expire: () => {} };
}

/** How long a token read from a file is believed; kubelets replace it long before it expires. */
const TOKEN_LIFETIME = 60_000;

/** A token in a file that somebody rotates. `read` throws FlatnetError `io` where the file cannot be read. */
export function tokenFile(path: string, clock: Clock): TokenSource {
  let cached: { readonly token: string; readonly readAt: number } | undefined;
  return {
    async read() {
      if (cached !== undefined && clock.now() - cached.readAt < TOKEN_LIFETIME) return cached.token;
      const token = (await readCredential(path, 'token')).toString('utf8').trim();
      cached = { token, readAt: clock.now() };
      return token;
    },
    expire() {
      cached = undefined;
    },
  };
}

/** The bytes of a file that holds `what`. @throws FlatnetError `io` */
export async function readCredential(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new FlatnetError({
      operation: 'read Kubernetes credentials',
      code: 'io',
      message: `the ${what} file ${path} cannot be read`,
      remedy: 'check that it exists and that this user may read it',
      cause,
    });
  }
}
