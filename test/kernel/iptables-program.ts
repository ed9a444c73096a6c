import { spawnSync } from 'node:child_process';

/** Why tests that load rules by iptables-restore are left out; false where it is installed. */
export const IPTABLES_MISSING: string | false =
  spawnSync('iptables-restore', ['--version']).status === 0 ? false : 'iptables is not installed (package iptables)';
