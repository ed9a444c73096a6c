/** Stand-ins for tests of the protocol: a pod network that keeps in memory what it was told. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { parseAddress } from '../address/address.ts';
import { parsePrefix } from '../address/prefix.ts';
import { AddressStore } from '../ipam/address-store.ts';
import type { Attachment } from './attachment.ts';
import { AttachmentLifecycle } from './attachment-lifecycle.ts';
import { AttachmentStore } from './attachment-store.ts';
import type { CniReply, CniRequest } from './cni-request.ts';
import { type CniOutcome, CniService } from './cni-service.ts';
import type { DetachTarget, PodNetwork, Readiness } from './pod-network.ts';

export const READY: Readiness = {
  state: 'ready',
  parameters: {
    podPrefixes: [parsePrefix('10.244.3.0/29'), parsePrefix('fd00:10:244:3::/64')],
    wiring: 'point-to-point',
    mtu: 1450,
    gateways: [parseAddress('169.254.1.1'), parseAddress('fe80::1')],
  },
};

/** A directory that is gone after the test. */
export function makeDirectory(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'flatnet-cni-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Answers the shim with what it asked, and fails when asked to. */
export async function echo(request: CniRequest): Promise<CniReply> {
  return { exit: request.stdin === 'fail' ? 1 : 0, stdout: JSON.stringify(request) };
}

/** Wires nothing; remembers, and fails when told to. */
export class RememberingNetwork implements PodNetwork {
  state: Readiness = READY;
  readonly wired = new Map<string, Attachment>();
  readonly detached: DetachTarget[] = [];
  readonly annotations = new Map<string, Readonly<Record<string, string>>>();
  /** Awaited, and so able to fail, before a step is done. */
  before: (step: 'attach' | 'detach' | 'check', containerId: string) => Promise<void> = async () => {};

  readiness(): Readiness {
    return this.state;
  }

  async podAnnotations(namespace: string, name: string): Promise<Readonly<Record<string, string>> | undefined> {
    return this.annotations.get(`${namespace}/${name}`);
  }

  async attach(attachment: Attachment): Promise<void> {
    await this.before('attach', attachment.containerId);
    this.wired.set(attachment.hostLink, attachment);
  }

  async detach(target: DetachTarget): Promise<void> {
    await this.before('detach', target.containerId);
    this.detached.push(target);
    this.wired.delete(target.hostLink);
  }

  async check(attachment: Attachment): Promise<void> {
    await this.before('check', attachment.containerId);
  }

  async isWired(attachment: Attachment): Promise<boolean> {
    return this.wired.has(attachment.hostLink);
  }
}

/** A CNI service on directories of its own, whose namespaces are names that the test says exist. */
export class ServiceFixture {
  readonly network = new RememberingNetwork();
  readonly directory: string;
  /** Path → identity. */
  readonly namespaces = new Map<string, string>();
  readonly outcomes: CniOutcome[] = [];
  boot = 'first boot';
  bootedAt = 0;

  constructor(t: TestContext) {
    this.directory = makeDirectory(t);
  }

  get addresses(): AddressStore {
    return new AddressStore({ directory: path.join(this.directory, 'networks/flatnet') });
  }

  get attachments(): AttachmentStore {
    return AttachmentStore.open(path.join(this.directory, 'attachments'));
  }

  /** As a new agent would start it: from what is on disk. */
  start(): { readonly service: CniService; readonly lifecycle: AttachmentLifecycle } {
    const { network, addresses, attachments, boot, bootedAt } = this;
    const identifyNamespace = (file: string) => this.namespaces.get(file);
    const lifecycle = new AttachmentLifecycle({ network, addresses, attachments, boot, bootedAt, identifyNamespace });
    const onOutcome = (outcome: CniOutcome) => this.outcomes.push(outcome);
    return {
      lifecycle,
      service: new CniService({ network, addresses, lifecycle, networkName: 'flatnet', onOutcome }),
    };
  }

  /** Makes a namespace for a container and gives its path. */
  addNamespace(containerId: string): string {
    const file = `/run/netns/${containerId}`;
    this.namespaces.set(file, `identity of ${containerId}`);
    return file;
  }
}

/** CNI_ variables of a request about `eth0`. */
export function environmentOf(command: string, containerId: string, more: Readonly<Record<string, string>> = {}) {
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: containerId,
    CNI_IFNAME: 'eth0',
    CNI_NETNS: `/run/netns/${containerId}`,
    CNI_ARGS: '',
    CNI_PATH: '/opt/cni/bin',
    ...more,
  };
}

/** The configuration of network `flatnet` as stdin text. */
export function configurationOf(cniVersion: string, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ cniVersion, name: 'flatnet', type: 'flatnet', ...more });
}

/** What a plugin printed, decoded, and its status. */
export interface Printed {
  readonly exit: number;
  readonly output: unknown;
}

export function printed({ exit, stdout }: CniReply): Printed {
  return { exit, output: stdout === '' ? undefined : JSON.parse(stdout) };
}

export function fieldOf(output: unknown, name: string): unknown {
  return typeof output === 'object' && output !== null ? Reflect.get(output, name) : undefined;
}

/** A service, its fixture, and a short way to ask it. */
export function prepare(t: TestContext) {
  const fixture = new ServiceFixture(t);
  const { service, lifecycle } = fixture.start();
  return { fixture, service, lifecycle, ask: asker(service) };
}

/** Asks about `eth0` of a container. */
export function asker(service: CniService) {
  return async (
    command: string,
    containerId: string,
    { version = '1.1.0', configuration = {}, environment = {} }: AskOptions = {},
  ): Promise<Printed> =>
    printed(
      await service.handle({
        environment: environmentOf(command, containerId, environment),
        stdin: configurationOf(version, configuration),
      }),
    );
}

export interface AskOptions {
  readonly version?: string;
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
}

export function assertError(reply: Printed, code: number, pattern: RegExp): void {
  assert.equal(reply.exit, 1);
  assert.equal(fieldOf(reply.output, 'code'), code, JSON.stringify(reply.output));
  assert.match(`${fieldOf(reply.output, 'msg')}; ${fieldOf(reply.output, 'details')}`, pattern);
}
