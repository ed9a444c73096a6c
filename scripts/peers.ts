/**
 * Fetches the programs that tests and benchmarks compare with, from Debian's own repositories, and unpacks them below
 * .peers without installing anything:
 *
 *     node scripts/peers.ts [PACKAGE…]
 *
 * What is there already stays. apt checks signatures and hashes, as for any installation.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PEER_PACKAGES, PEERS_DIRECTORY } from '../test/peers/peer.ts';

function main(wanted: readonly string[]): void {
  const unknown = wanted.filter((name) => !PEER_PACKAGES.includes(name));
  if (unknown.length > 0) {
    console.error(`no peer is in ${unknown.join(', ')}; known: ${PEER_PACKAGES.join(', ')}`);
    process.exitCode = 64;
    return;
  }
  const missingTool = ['apt-get', 'dpkg-deb'].find((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missingTool !== undefined) {
    console.error(`SKIPPED: ${missingTool} is not here, so no peers can be fetched; tests that need them will say so`);
    return;
  }
  mkdirSync(PEERS_DIRECTORY, { recursive: true });
  const failed = (wanted.length === 0 ? PEER_PACKAGES : wanted).filter((name) => !fetchPackage(name));
  if (failed.length > 0) process.exitCode = 1;
}

/** @returns whether the package is there now */
function fetchPackage(name: string): boolean {
  const target = path.join(PEERS_DIRECTORY, name);
  if (existsSync(target)) {
    console.log(`${name}: there already`);
    return true;
  }
  const work = mkdtempSync(path.join(PEERS_DIRECTORY, '.fetch-'));
  try {
    if (!run('apt-get', ['download', name], work)) return false;
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'));
    if (archive === undefined) return false;
    const unpacked = path.join(work, 'unpacked');
    if (!run('dpkg-deb', ['-x', archive, unpacked], work)) return false;
    renameSync(unpacked, target);
    console.log(`${name}: ${archive}`);
    return true;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], cwd: string): boolean {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return true;
  console.error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return false;
}

main(process.argv.slice(2));
