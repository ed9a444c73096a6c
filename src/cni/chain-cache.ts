import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { readFileIfPresent, removeFileIfPresent, replaceFile } from '../kernel/atomic-file.ts';
import { type CniResult, parseResult, renderResult } from './result.ts';
import type { CniVersion } from './version.ts';

const cachedSchema = v.object({
  kind: v.literal('cniCacheV1'),
  containerId: v.string(),
  ifName: v.string(),
  networkName: v.string(),
  netns: v.optional(v.string()),
  cniArgs: v.optional(v.array(v.tuple([v.string(), v.string()])), []),
  capabilityArgs: v.optional(v.record(v.string(), v.unknown()), {}),
  result: v.record(v.string(), v.unknown()),
});

/** What a runtime remembers of an attachment from ADD on, so that CHECK and DEL get the same. */
export interface CachedAttachment {
  readonly network: string;
  readonly containerId: string;
  readonly interfaceName: string;
  readonly namespacePath?: string;
  readonly arguments: readonly (readonly [string, string])[];
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly result: CniResult;
}

type AttachmentName = Pick<CachedAttachment, 'network' | 'containerId' | 'interfaceName'>;

/** Results of ADD on disk, in the layout of libcni's cache (`results/NETWORK-CONTAINER-INTERFACE`). */
export class ChainCache {
  readonly #directory: string;

  /** @param directory usually /var/lib/cni */
  constructor(directory: string) {
    this.#directory = path.join(directory, 'results');
  }

  write(cached: CachedAttachment, version: CniVersion): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const content = {
      kind: 'cniCacheV1',
      containerId: cached.containerId,
      ifName: cached.interfaceName,
      networkName: cached.network,
      ...(cached.namespacePath !== undefined && { netns: cached.namespacePath }),
      cniArgs: cached.arguments,
      capabilityArgs: cached.capabilities,
      result: renderResult(cached.result, version),
    };
    replaceFile(this.#file(cached), JSON.stringify(content), { mode: 0o600 });
  }

  /** Undefined where there is none, or none that can be read. */
  read(name: AttachmentName, version: CniVersion): CachedAttachment | undefined {
    return this.#readFile(this.#file(name), version);
  }

  /** All attachments of a network. */
  list(network: string, version: CniVersion): CachedAttachment[] {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    return readdirSync(this.#directory)
      .map((name) => this.#readFile(path.join(this.#directory, name), version))
      .filter((cached) => cached?.network === network)
      .filter((cached) => cached !== undefined);
  }

  remove(name: AttachmentName): void {
    removeFileIfPresent(this.#file(name));
  }

  #readFile(file: string, version: CniVersion): CachedAttachment | undefined {
    const text = readFileIfPresent(file);
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), cachedSchema), text);
    if (!parsed.success) return undefined;
    const { containerId, ifName, networkName, netns, cniArgs, capabilityArgs, result } = parsed.output;
    return {
      network: networkName,
      containerId,
      interfaceName: ifName,
      ...(netns !== undefined && { namespacePath: netns }),
      arguments: cniArgs,
      capabilities: capabilityArgs,
      result: parseResult(result, version),
    };
  }

  #file(name: AttachmentName): string {
    return path.join(this.#directory, `${name.network}-${name.containerId}-${name.interfaceName}`);
  }
}
