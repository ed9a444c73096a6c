import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readFileIfPresent, removeFileIfPresent, replaceFile } from '../kernel/atomic-file.ts';
import { parseNetworkList } from './network-list.ts';

export type Capability = 'portMappings' | 'bandwidth' | 'ips' | 'mac';

export interface NetworkConfigurationFileOptions {
  /** Where runtimes look for network configurations; usually /etc/cni/net.d. */
  readonly directory: string;
  /** Runtimes take the first by name. */
  readonly fileName?: string;
  readonly network?: string;
  /** `type`: the name of the CNI executable. */
  readonly plugin?: string;
  readonly capabilities?: readonly Capability[];
}

const DEFAULTS = {
  fileName: '10-flatnet.conflist',
  network: 'flatnet',
  plugin: 'flatnet',
  capabilities: ['portMappings', 'bandwidth', 'ips', 'mac'],
} as const;

/** Another plugin's configuration in the same directory. */
export interface RivalConfiguration {
  readonly file: string;
  /** Where it can be read. */
  readonly network?: string;
  /** Whether runtimes take it and not ours. */
  readonly winsOver: boolean;
}

/** What runtimes read; see libcni's ConfFiles. */
const EXTENSIONS = ['.conf', '.conflist', '.json'];

/**
 * The text of our network configuration. `cniVersion` is what every runtime in use knows; those that know `cniVersions` too
 * (libcni 1.2) take the newest of these, and with it STATUS and GC.
 */
export function renderNetworkConfiguration(options: Omit<NetworkConfigurationFileOptions, 'directory'> = {}): string {
  const { network, plugin, capabilities } = { ...DEFAULTS, ...options };
  const configuration = {
    cniVersion: '1.0.0',
    cniVersions: ['0.4.0', '1.0.0', '1.1.0'],
    name: network,
    plugins: [{ type: plugin, capabilities: Object.fromEntries(capabilities.map((capability) => [capability, true])) }],
  };
  return `${JSON.stringify(configuration, null, 2)}\n`;
}

/**
 * Tells runtimes of our network, which they take for the node's readiness: not before pods can be attached, then.
 * @returns whether the file was written; false where it was there already
 */
export function writeNetworkConfiguration(options: NetworkConfigurationFileOptions): boolean {
  const file = fileOf(options);
  const text = renderNetworkConfiguration(options);
  if (readFileIfPresent(file) === text) return false;
  mkdirSync(options.directory, { recursive: true });
  replaceFile(file, text);
  return true;
}

/** Takes our network back from runtimes: they start no more pods. */
export function removeNetworkConfiguration(options: NetworkConfigurationFileOptions): boolean {
  return removeFileIfPresent(fileOf(options));
}

/** Networks of others in the directory: two at once are a mistake, the more so where theirs wins. */
export function findRivalConfigurations(options: NetworkConfigurationFileOptions): RivalConfiguration[] {
  const { fileName } = { ...DEFAULTS, ...options };
  return listNames(options.directory)
    .filter((name) => name !== fileName && EXTENSIONS.includes(path.extname(name)))
    .map((name) => {
      const file = path.join(options.directory, name);
      const network = networkNameOf(file);
      return { file, ...(network !== undefined && { network }), winsOver: name < fileName };
    });
}

function fileOf(options: NetworkConfigurationFileOptions): string {
  return path.join(options.directory, options.fileName ?? DEFAULTS.fileName);
}

function networkNameOf(file: string): string | undefined {
  try {
    return parseNetworkList(readFileIfPresent(file) ?? '', file).name;
  } catch {
    return undefined;
  }
}

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
