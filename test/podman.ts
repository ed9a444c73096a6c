/** podman, as a runtime that calls CNI plugins, with an image that is made on the spot: registries are not asked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const IMAGE = 'localhost/busybox:test';
export const BUSYBOX = '/bin/busybox';
/** What the image's web server answers under /hello. */
export const GREETING = 'hello from the container';

/** Why podman cannot be tried here, if so. */
export function reasonToSkipPodman(): string | false {
  for (const program of ['podman', 'crun', 'conmon'])
    if (spawnSync(program, ['--version']).status !== 0) return `${program} is not installed`;
  if (!/statically/.test(spawnSync('file', ['-L', BUSYBOX], { encoding: 'utf8' }).stdout))
    return `${BUSYBOX} is not a static one: install busybox-static`;
  if (!/^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8')))
    return 'podman uses CNI for the real root only';
  return false;
}

/** The files of one installation of podman. */
export class PodmanFiles {
  readonly #directory: string;
  /** An archive to `podman import` as IMAGE. */
  readonly archive: string;
  readonly environment: Readonly<Record<string, string>>;

  /**
   * @param directory where all of it goes
   * @param plugins and configurations as podman sees them
   */
  constructor(directory: string, plugins: string, configurations: string) {
    this.#directory = directory;
    this.archive = path.join(directory, 'image.tar');
    const settings = path.join(directory, 'containers.conf');
    this.environment = { CONTAINERS_CONF: settings };
    mkdirSync(path.join(directory, 'image/bin'), { recursive: true });
    mkdirSync(path.join(directory, 'image/www'));
    copyFileSync(BUSYBOX, path.join(directory, 'image/bin/busybox'));
    writeFileSync(path.join(directory, 'image/www/hello'), GREETING);
    const packed = spawnSync('tar', ['-C', path.join(directory, 'image'), '-cf', this.archive, '.']);
    assert.equal(packed.status, 0);
    writeFileSync(
      settings,
      `[containers]\ncgroups = "disabled"\n[network]\nnetwork_backend = "cni"\ncni_plugin_dirs = ["${plugins}"]\n` +
        `network_config_dir = "${configurations}"\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n`,
    );
  }

  /** The words of a podman command that keeps its storage here. */
  command(...words: readonly string[]): string[] {
    const storage = (option: string, folder: string) => [option, path.join(this.#directory, folder)];
    return [
      ...['podman', '--storage-driver', 'vfs'],
      ...storage('--root', 'root'),
      ...storage('--runroot', 'run'),
      ...storage('--tmpdir', 'tmp'),
      ...words,
    ];
  }

  /** A command that runs a container of IMAGE on network flatnet. */
  run(options: readonly string[], ...words: readonly string[]): string[] {
    return this.command(
      'run',
      '--cgroups=disabled',
      '--log-driver=none',
      '--network=flatnet',
      ...options,
      IMAGE,
      ...words,
    );
  }

  /** A web server that answers GREETING under /hello. */
  serve(name: string): string[] {
    return this.run(['--detach', `--name=${name}`], BUSYBOX, 'httpd', '-f', '-p', '80', '-h', '/www');
  }

  /** Asks a server for its greeting; it may listen only after its container has started. */
  fetch(address: string): string[] {
    // A client that is linked statically finds no C library's files: the host's own bash speaks HTTP well enough.
    const volumes = ['/usr', '/lib', '/lib64'].map((folder) => `--volume=${folder}:${folder}:ro`);
    const ask = `exec 3<>/dev/tcp/${address}/80 && printf 'GET /hello HTTP/1.0\\r\\n\\r\\n' >&3 && exec cat <&3`;
    const askAgain = 'for i in {1..60}; do timeout 5 bash -c "$ASK" && exit; sleep 0.5; done; exit 1';
    return this.run(['--rm', `--env=ASK=${ask}`, ...volumes], '/usr/bin/bash', '-c', askAgain);
  }
}
