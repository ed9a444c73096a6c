import { type CniArguments, parseCniArguments } from './cni-arguments.ts';
import { CniError } from './cni-error.ts';

export const CNI_COMMANDS = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;

export type CniCommand = (typeof CNI_COMMANDS)[number];

type Variable = 'CNI_CONTAINERID' | 'CNI_NETNS' | 'CNI_IFNAME' | 'CNI_PATH';

/** Which variable which command cannot do without: SPEC.md of CNI 1.1.0, section 2. */
const REQUIRED: Readonly<Record<CniCommand, readonly Variable[]>> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME'],
  GC: ['CNI_PATH'],
  STATUS: [],
  VERSION: [],
};

/** What the environment of a plugin's process asks for. */
export type CniInvocation =
  | {
      readonly command: 'ADD';
      readonly containerId: string;
      readonly interfaceName: string;
      readonly namespacePath: string;
      readonly arguments: CniArguments;
    }
  | {
      readonly command: 'CHECK';
      readonly containerId: string;
      readonly interfaceName: string;
      readonly namespacePath: string;
    }
  | {
      readonly command: 'DEL';
      readonly containerId: string;
      readonly interfaceName: string;
      /** Absent once the namespace has gone. */
      readonly namespacePath?: string;
    }
  | { readonly command: 'GC' | 'STATUS' | 'VERSION' };

export type CniEnvironment = Readonly<Record<string, string>>;

/**
 * Reads the CNI_ variables; an empty one counts as absent.
 * @throws CniError `invalid environment`, naming every variable that is missing
 */
export function parseEnvironment(environment: CniEnvironment): CniInvocation {
  const command = parseCommand(environment.CNI_COMMAND);
  const missing = REQUIRED[command].filter((name) => (environment[name] ?? '') === '');
  if (missing.length > 0) throw invalid(`${command} needs ${missing.join(', ')}`, 'set them');
  const { CNI_NETNS: namespacePath = '' } = environment;
  switch (command) {
    case 'ADD':
      return {
        command,
        ...parseNames(environment),
        namespacePath: parseNamespacePath(namespacePath),
        arguments: parseCniArguments(environment.CNI_ARGS ?? ''),
      };
    case 'CHECK':
      return { command, ...parseNames(environment), namespacePath: parseNamespacePath(namespacePath) };
    case 'DEL':
      return { command, ...parseNames(environment), ...(namespacePath.startsWith('/') && { namespacePath }) };
    case 'GC':
    case 'STATUS':
    case 'VERSION':
      return { command };
    default: {
      const unreachable: never = command;
      throw new TypeError(`no such command: ${unreachable}`);
    }
  }
}

function parseCommand(text: string | undefined): CniCommand {
  const command = CNI_COMMANDS.find((known) => known === text);
  if (command !== undefined) return command;
  throw invalid(`CNI_COMMAND is ${JSON.stringify(text ?? '')}`, `set it to one of ${CNI_COMMANDS.join(', ')}`);
}

function parseNames({ CNI_CONTAINERID = '', CNI_IFNAME = '' }: CniEnvironment) {
  return { containerId: parseContainerId(CNI_CONTAINERID), interfaceName: parseInterfaceName(CNI_IFNAME) };
}

/** Names of files are made of it, which may have 255 bytes. */
const LONGEST_CONTAINER_ID = 200;

/** @throws CniError `invalid environment` */
export function parseContainerId(text: string): string {
  if (isCniName(text) && text.length <= LONGEST_CONTAINER_ID) return text;
  throw invalid(
    `CNI_CONTAINERID ${JSON.stringify(text)} is no container id`,
    `letters, digits, "_", "." and "-", the first a letter or digit, at most ${LONGEST_CONTAINER_ID}`,
  );
}

/** The specification's form for container ids and for names of networks. */
export function isCniName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text);
}

/** `IFNAMSIZ` of `linux/if.h` counts the final NUL. @throws CniError `invalid environment` */
export function parseInterfaceName(text: string): string {
  if (/^[^\s/:\0]{1,15}$/.test(text) && Buffer.byteLength(text) <= 15 && text !== '.' && text !== '..') return text;
  throw invalid(
    `CNI_IFNAME ${JSON.stringify(text)} is no interface name`,
    'at most 15 bytes without "/", ":" or white space, and neither "." nor ".."',
  );
}

function parseNamespacePath(text: string): string {
  if (text.startsWith('/')) return text;
  throw invalid(`CNI_NETNS ${JSON.stringify(text)} is no absolute path`, 'give the path of the network namespace');
}

function invalid(message: string, remedy: string): CniError {
  return new CniError('invalid environment', { operation: 'read CNI environment', message, remedy });
}
