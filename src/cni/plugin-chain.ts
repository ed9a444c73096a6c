import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import type { ChainCache } from './chain-cache.ts';
import { CniError } from './cni-error.ts';
import type { NetworkList, PluginConfiguration } from './network-list.ts';
import { callPlugin, type SpawnPlugin } from './plugin-process.ts';
import { type CniResult, EMPTY_RESULT, parseResult, renderResult } from './result.ts';
import { cniVersionAtLeast } from './version.ts';

/** One interface of one container, as the runtime names it. */
export interface ChainAttachment {
  readonly containerId: string;
  readonly interfaceName: string;
  /** Absent once the sandbox has gone. */
  readonly namespacePath?: string;
  /** CNI_ARGS. */
  readonly arguments?: readonly (readonly [string, string])[];
  /** Capability arguments; each plugin gets those that its configuration declares. */
  readonly capabilities?: Readonly<Record<string, unknown>>;
}

export type ChainRequest =
  | { readonly command: 'ADD'; readonly attachment: ChainAttachment }
  | { readonly command: 'DEL' | 'CHECK'; readonly attachment: ChainAttachment }
  | { readonly command: 'GC'; readonly valid: readonly Pick<ChainAttachment, 'containerId' | 'interfaceName'>[] }
  | { readonly command: 'STATUS' };

/** How and where a runtime runs plugins. */
export interface ChainRuntime {
  readonly list: NetworkList;
  /** CNI_PATH: where the plugins are looked for, in order. */
  readonly pluginDirectories: readonly string[];
  readonly cache: ChainCache;
  /** PATH and the like; the CNI_ variables are added. */
  readonly environment?: Readonly<Record<string, string>>;
  /** For plugins that run in other namespaces than the caller's. */
  readonly spawn?: SpawnPlugin;
  /** Whether there is an executable at a path, for plugins of another mount namespace. */
  readonly isExecutable?: (file: string) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * Does a runtime's part of CNI for one network: runs its plugins in order (DEL: in reverse) with the environment, the
 * previous result and the capability arguments that each must get, and keeps the result of ADD for CHECK and DEL.
 * The caller of a failed ADD calls DEL, as every runtime does.
 * @throws CniError of the plugin that failed; for GC an AggregateError of all that failed
 */
export async function runPluginChain(
  request: Extract<ChainRequest, { command: 'ADD' }>,
  runtime: ChainRuntime,
): Promise<CniResult>;
export async function runPluginChain(request: ChainRequest, runtime: ChainRuntime): Promise<CniResult | undefined>;
export async function runPluginChain(request: ChainRequest, runtime: ChainRuntime): Promise<CniResult | undefined> {
  switch (request.command) {
    case 'ADD':
      return await add(request.attachment, runtime);
    case 'DEL':
      await remove(request.attachment, runtime);
      return undefined;
    case 'CHECK':
      await check(request.attachment, runtime);
      return undefined;
    case 'GC':
      await collectGarbage(request.valid, runtime);
      return undefined;
    case 'STATUS':
      if (!cniVersionAtLeast(runtime.list.cniVersion, '1.1.0')) return undefined;
      for (const plugin of runtime.list.plugins) await call('STATUS', plugin, runtime, {});
      return undefined;
    default: {
      const unreachable: never = request;
      throw new TypeError(`no such request: ${JSON.stringify(unreachable)}`);
    }
  }
}

async function add(attachment: ChainAttachment, runtime: ChainRuntime): Promise<CniResult> {
  const { list, cache } = runtime;
  let result: CniResult | undefined;
  for (const plugin of list.plugins) {
    const printed = await call('ADD', plugin, runtime, { attachment, ...(result !== undefined && { result }) });
    result = parseResult(printed ?? {}, list.cniVersion);
  }
  const complete = result ?? EMPTY_RESULT;
  cache.write(
    {
      arguments: [],
      capabilities: {},
      ...attachment,
      network: list.name,
      result: complete,
    },
    list.cniVersion,
  );
  return complete;
}

async function remove(attachment: ChainAttachment, runtime: ChainRuntime): Promise<void> {
  const { list, cache } = runtime;
  const name = { network: list.name, ...attachment };
  const cached = cniVersionAtLeast(list.cniVersion, '0.4.0') ? cache.read(name, list.cniVersion) : undefined;
  for (const plugin of list.plugins.toReversed())
    await call('DEL', plugin, runtime, { attachment, ...(cached !== undefined && { result: cached.result }) });
  cache.remove(name);
}

async function check(attachment: ChainAttachment, runtime: ChainRuntime): Promise<void> {
  const { list, cache } = runtime;
  if (!cniVersionAtLeast(list.cniVersion, '0.4.0'))
    throw new CniError('incompatible version', {
      operation: 'CHECK',
      message: `cniVersion ${list.cniVersion} of network ${list.name} has no CHECK`,
      remedy: 'set cniVersion to 0.4.0 or newer',
    });
  if (list.disableCheck) return;
  const cached = cache.read({ network: list.name, ...attachment }, list.cniVersion);
  for (const plugin of list.plugins)
    await call('CHECK', plugin, runtime, { attachment, ...(cached !== undefined && { result: cached.result }) });
}

async function collectGarbage(
  valid: Extract<ChainRequest, { command: 'GC' }>['valid'],
  runtime: ChainRuntime,
): Promise<void> {
  const { list, cache } = runtime;
  if (list.disableGarbageCollection) return;
  const keyOf = (attachment: (typeof valid)[number]) => `${attachment.containerId}/${attachment.interfaceName}`;
  const kept = new Set(valid.map(keyOf));
  const stale = cache.list(list.name, list.cniVersion).filter((cached) => !kept.has(keyOf(cached)));
  const failures = await collectFailures(stale.map((cached) => () => remove(cached, runtime)));
  if (cniVersionAtLeast(list.cniVersion, '1.1.0')) {
    const attachments = valid.map(({ containerId, interfaceName }) => ({
      containerID: containerId,
      ifname: interfaceName,
    }));
    const fields = { 'cni.dev/valid-attachments': attachments };
    failures.push(
      ...(await collectFailures(list.plugins.map((plugin) => () => call('GC', plugin, runtime, { fields })))),
    );
  }
  if (failures.length > 0) throw new AggregateError(failures, `garbage collection of network ${list.name} failed`);
}

/** Runs all steps, one after another, whatever becomes of each. */
async function collectFailures(steps: readonly (() => Promise<unknown>)[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (failure) {
      failures.push(failure);
    }
  }
  return failures;
}

interface CallDetails {
  readonly attachment?: ChainAttachment;
  readonly result?: CniResult;
  /** More of the configuration. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

function call(
  command: ChainRequest['command'],
  plugin: PluginConfiguration,
  runtime: ChainRuntime,
  { attachment, result, fields }: CallDetails,
): Promise<unknown> {
  const { list } = runtime;
  const capabilities = Object.entries(attachment?.capabilities ?? {}).filter(([name]) => plugin.capabilities[name]);
  return callPlugin({
    executable: findPlugin(plugin.type, runtime),
    environment: {
      ...runtime.environment,
      CNI_COMMAND: command,
      CNI_CONTAINERID: attachment?.containerId ?? '',
      CNI_NETNS: attachment?.namespacePath ?? '',
      CNI_IFNAME: attachment?.interfaceName ?? '',
      CNI_ARGS: (attachment?.arguments ?? []).map(([key, value]) => `${key}=${value}`).join(';'),
      CNI_PATH: runtime.pluginDirectories.join(path.delimiter),
    },
    configuration: {
      ...plugin,
      ...fields,
      name: list.name,
      cniVersion: list.cniVersion,
      ...(capabilities.length > 0 && { runtimeConfig: Object.fromEntries(capabilities) }),
      ...(result !== undefined && { prevResult: renderResult(result, list.cniVersion) }),
    },
    ...(runtime.spawn !== undefined && { spawn: runtime.spawn }),
    ...(runtime.signal !== undefined && { signal: runtime.signal }),
  });
}

function findPlugin(type: string, { pluginDirectories, isExecutable = isExecutableHere }: ChainRuntime): string {
  const found = pluginDirectories.map((directory) => path.join(directory, type)).find(isExecutable);
  if (found !== undefined) return found;
  throw new CniError('invalid configuration', {
    operation: 'find CNI plugin',
    message: `there is no executable ${type} in ${pluginDirectories.join(', ') || 'an empty CNI_PATH'}`,
    remedy: 'install it there, or correct the type in the network configuration',
  });
}

function isExecutableHere(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
