/**
 * Fetches the programs that tests and benchmarks compare with, from Debian's own repositories, and unpacks them below
 * .peers without installing anything:
 *
 *     node scripts/peers.ts [DIRECTORY…]
 *
 * What is there already stays. apt checks signatures and hashes, as for any installation.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PEER_PACKAGES, PEERS_DIRECTORY, type PeerPackage, packageDirectory } from '../test/peers/peer.ts';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

function main(wanted: readonly string[]): void {
  const known = PEER_PACKAGES.map(packageDirectory);
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`no peer is in ${unknown.join(', ')}; known: ${known.join(', ')}`);
    process.exitCode = 64;
    return;
  }
  const missingTool = ['apt-get', 'dpkg-deb'].find((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missingTool !== undefined) {
    console.error(`SKIPPED: ${missingTool} is not here, so no peers can be fetched; tests that need them will say so`);
    return;
  }
  mkdirSync(PEERS_DIRECTORY, { recursive: true });
  const chosen = PEER_PACKAGES.filter((one) => wanted.length === 0 || wanted.includes(packageDirectory(one)));
  const failed = chosen.filter((one) => !fetchPeer(one));
  if (failed.length > 0) process.exitCode = 1;
}

/** @returns whether the package is there now */
function fetchPeer(peer: PeerPackage): boolean {
  const name = packageDirectory(peer);
  const target = path.join(PEERS_DIRECTORY, name);
  if (existsSync(target)) {
    console.log(`${name}: there already`);
    return true;
  }
  const work = mkdtempSync(path.join(PEERS_DIRECTORY, '.fetch-'));
  try {
    const options = peer.suite === undefined ? [] : foreignSuite(peer.suite, work);
    if (options === undefined) return false;
    if (!run('apt-get', [...options, 'download', peer.package, ...(peer.libraries ?? [])], work)) return false;
    const archives = readdirSync(work).filter((file) => file.endsWith('.deb'));
    const unpacked = path.join(work, 'unpacked');
    if (!archives.every((archive) => run('dpkg-deb', ['-x', archive, unpacked], work))) return false;
    renameSync(unpacked, target);
    console.log(`${name}: ${archives.find((archive) => archive.startsWith(`${peer.package}_`))}`);
    return true;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** apt's options for a suite that the host isn't of, with lists of its own; undefined where they can't be had. */
function foreignSuite(suite: string, work: string): readonly string[] | undefined {
  const archive = debianArchive();
  if (archive === undefined) return undefined;
  for (const directory of ['lists/partial', 'archives/partial'])
    mkdirSync(path.join(work, 'apt', directory), { recursive: true });
  writeFileSync(path.join(work, 'apt/sources'), `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`);
  const settings = {
    'Dir::State': path.join(work, 'apt'),
    'Dir::State::status': '/dev/null',
    'Dir::Cache': path.join(work, 'apt'),
    'Dir::Etc::sourcelist': path.join(work, 'apt/sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Acquire::Languages': 'none',
  };
  const options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  return run('apt-get', [...options, 'update'], work) ? options : undefined;
}

/** Where the host gets Debian's packages from. */
function debianArchive(): string | undefined {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(ORIGIN) $(REPO_URI)'], { encoding: 'utf8' });
  const archives = [...(stdout ?? '').matchAll(/^Debian (\S+)$/gm)].map(([, archive]) => archive);
  const archive = archives.find((one) => !one?.includes('security'));
  if (archive === undefined) console.error("apt knows none of Debian's archives; run apt-get update");
  return archive;
}

function run(command: string, args: readonly string[], cwd: string): boolean {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return true;
  console.error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return false;
}

main(process.argv.slice(2));
