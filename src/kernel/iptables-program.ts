import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Family } from '../address/family.ts';
import { FlatnetError, isFlatnetError } from '../error/flatnet-error.ts';
import type { IptablesRuleset } from '../netfilter/iptables/node.ts';
import { parseIptablesSave } from '../netfilter/iptables/parse-iptables-save.ts';

/** Milliseconds after which the program is killed, and seconds that it waits for others that hold its lock. */
const TIMEOUT = 60_000;
const LOCK_WAIT = 10;

const PROGRAMS: Readonly<Record<Family, string>> = { 4: 'iptables', 6: 'ip6tables' };

/**
 * All iptables rules of a family of this namespace, as iptables-save prints them.
 * @throws FlatnetError `unsupported` where it isn't installed, `io` where it fails
 */
export async function saveIptables(family: Family): Promise<IptablesRuleset> {
  return parseIptablesSave(await run(`${PROGRAMS[family]}-save`, [], ''));
}

/**
 * Loads rules with iptables-restore and leaves those of all chains that aren't named; a table changes whole or not at all.
 * @param input as `iptables-restore --noflush` takes it
 * @throws FlatnetError `unsupported` where it isn't installed, `io` where it refuses the input
 */
export async function restoreIptables(family: Family, input: string): Promise<void> {
  await run(`${PROGRAMS[family]}-restore`, ['--noflush', '--wait', String(LOCK_WAIT)], input);
}

/** What the program prints. Nothing but its own search path is handed on to it. */
async function run(program: string, options: readonly string[], input: string): Promise<string> {
  const child = spawn(program, options, { stdio: 'pipe', timeout: TIMEOUT, killSignal: 'SIGKILL' });
  // It may end without having read all of its input; its status tells.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  try {
    const [[status, signal], output, complaint] = await Promise.all([
      once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    if (status === 0) return output;
    throw new FlatnetError({
      operation: program,
      code: 'io',
      message: `it ended with ${signal ?? `status ${status}`}: ${complaint.trim().slice(0, 500)}`,
      remedy:
        'see whether legacy and nft iptables are mixed on this host (iptables --version), and what else changes its rules',
    });
  } catch (cause) {
    if (isFlatnetError(cause)) throw cause;
    throw new FlatnetError({
      operation: program,
      code: 'unsupported',
      message: `it can't be started: ${(cause as Error).message}`,
      remedy: 'install the package iptables, or set serviceMode to nft',
      cause,
    });
  }
}
