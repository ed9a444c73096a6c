import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createNamedNamespace, NetworkNamespace, removeNamedNamespace } from '../src/kernel/network-namespace.ts';
import { configure } from '../test/namespace.ts';

/** A host: a network namespace with an uplink, eth0, and a directory for what it keeps. */
export class BenchHost {
  readonly name: string;
  readonly address: string;
  /** The IPv4 prefix of its pods. */
  readonly podPrefix: string;
  readonly namespace = NetworkNamespace.create();
  readonly directory: string;
  readonly #pods = new Set<string>();

  constructor(directory: string, number: number) {
    this.name = `node-${number}`;
    this.address = `10.1.0.${number}`;
    this.podPrefix = `10.244.${number}.0/24`;
    this.directory = path.join(directory, this.name);
    mkdirSync(this.directory, { recursive: true });
    configure(this.namespace, ['link set lo up']);
  }

  /** Makes a pod's network namespace, as a runtime does before ADD; its path. */
  createPod(name: string): string {
    const file = path.join(this.directory, 'netns', name);
    createNamedNamespace(file).close();
    this.#pods.add(file);
    return file;
  }

  removePod(file: string): void {
    if (this.#pods.delete(file)) removeNamedNamespace(file);
  }

  close(): void {
    for (const file of this.#pods) removeNamedNamespace(file);
    this.#pods.clear();
    this.namespace.close();
  }
}

/** Two hosts on one link, each with nothing of a network for pods yet. */
export class HostPair implements Disposable {
  readonly first: BenchHost;
  readonly second: BenchHost;

  constructor(directory: string) {
    this.first = new BenchHost(directory, 1);
    this.second = new BenchHost(directory, 2);
    const peer = `/proc/${process.pid}/fd/${this.second.namespace.fd}`;
    configure(this.first.namespace, [`link add eth0 type veth peer name eth0 netns ${peer}`]);
    for (const { namespace, address } of this.hosts)
      configure(namespace, ['link set eth0 up', `addr add ${address}/24 dev eth0`]);
  }

  get hosts(): readonly [BenchHost, BenchHost] {
    return [this.first, this.second];
  }

  [Symbol.dispose](): void {
    for (const host of this.hosts) host.close();
  }
}
