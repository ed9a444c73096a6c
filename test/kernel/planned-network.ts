/** Hosts on a fabric, each with the network that its plan asks for, in the kernel. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type Address, formatAddress } from '../../src/address/address.ts';
import { formatPrefix } from '../../src/address/prefix.ts';
import type { Attachment } from '../../src/cni/attachment.ts';
import type { Change, NamespaceChanges } from '../../src/host/change.ts';
import { ownedOf } from '../../src/host/owned-network.ts';
import type { OwnedState } from '../../src/host/owned-state.ts';
import { diffStates, type ObservedState } from '../../src/host/state-diff.ts';
import { applyChanges, failureOf } from '../../src/kernel/change-applier.ts';
import { LinkReaper } from '../../src/kernel/link-reaper.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/netlink-socket.ts';
import {
  createNamedNamespace,
  type NetworkNamespace,
  removeNamedNamespace,
} from '../../src/kernel/network-namespace.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { readSysctl } from '../../src/kernel/sysctl.ts';
import type { Ruleset } from '../../src/netfilter/node.ts';
import { attachment, type PlannedHost } from '../../src/plan/arbitrary.ts';
import { configure, newNamespace, routeSocket, setSysctls, settled } from '../namespace.ts';

/** Milliseconds for which one asks who is meant to answer. */
const PATIENCE = 30_000;

export interface KernelPod {
  readonly attachment: Attachment;
  readonly namespace: NetworkNamespace;
}

/** A host: its namespace on the fabric, and what writes to it. */
export class KernelHost {
  readonly planned: PlannedHost;
  readonly namespace: NetworkNamespace;
  readonly pods: KernelPod[] = [];
  readonly #socket: NetlinkSocket;
  readonly #session: RulesetSession;
  readonly #reaper: LinkReaper;
  readonly #directory: string;

  constructor(t: TestContext, planned: PlannedHost, namespace: NetworkNamespace, reaper: LinkReaper) {
    this.planned = planned;
    this.namespace = namespace;
    this.#reaper = reaper;
    this.#socket = routeSocket(t, namespace);
    this.#session = RulesetSession.open(namespace);
    this.#directory = mkdtempSync(path.join(tmpdir(), 'flatnet-host-'));
    t.after(async () => {
      await reaper.close();
      this.#session.close();
      for (const {
        attachment: { namespacePath },
        namespace: pod,
      } of this.pods) {
        pod.close();
        removeNamedNamespace(namespacePath);
      }
      rmSync(this.#directory, { recursive: true });
    });
  }

  /** A namespace for one more pod, and its attachment; nothing is wired yet. */
  addPod(rest: Partial<Attachment> = {}): KernelPod {
    const number = this.pods.length;
    const namespacePath = path.join(this.#directory, `pod${number}`);
    const namespace = createNamedNamespace(namespacePath);
    configure(namespace, ['link set lo up']);
    const pod = { attachment: attachment(this.planned, number, { namespacePath, ...rest }), namespace };
    this.pods.push(pod);
    return pod;
  }

  /** All tables of the host, ours and others'. */
  observeRuleset(): Ruleset {
    const tables = this.#session.list().flatMap((listing) => {
      const table = this.#session.read(listing);
      return table === undefined ? [] : [table];
    });
    return { tables };
  }

  /** What is ours, as the kernel has it. */
  observe(desired: OwnedState): ObservedState {
    const read = readNetworkState(this.#socket, { namespace: this.namespace });
    const keys = new Set(desired.host.sysctls.map(({ key }) => key));
    const sysctls = new Map([...read.sysctls].filter(([key]) => keys.has(key)));
    const host = ownedOf({ ...read, sysctls, ruleset: this.observeRuleset() });
    const pods = new Map(
      Array.from(desired.pods, ([file, { links, sysctls: settings }]) => {
        const pod = this.pods.find((one) => one.attachment.namespacePath === file);
        if (pod === undefined) throw new Error(`no pod at ${file}`);
        using socket = NetlinkSocket.open('route', { namespace: pod.namespace });
        const state = readNetworkState(socket, {
          namespace: pod.namespace,
          sysctls: settings.map(({ key }) => key),
        });
        return [
          file,
          ownedOf(
            state,
            links.map(({ name }) => name),
          ),
        ] as const;
      }),
    );
    return { host, pods };
  }

  /** Makes what must be ours so, and waits until it is in use; the changes that it took. */
  async reconcile(desired: OwnedState): Promise<readonly Change[]> {
    const changes = diffStates(this.observe(desired), desired);
    await this.apply(changes);
    for (const { namespace } of [this, ...this.pods]) await settled(namespace);
    return changes.flatMap((steps) => steps.changes);
  }

  async apply(changes: readonly NamespaceChanges[]): Promise<void> {
    const results = await applyChanges(changes, {
      socket: this.#socket,
      namespace: this.namespace,
      reaper: this.#reaper,
      applyTables: (tables) => this.#session.apply(tables),
    });
    const failure = failureOf('apply plan', results);
    if (failure !== undefined) throw failure;
  }

  /** Resolves once no removal is under way. */
  idle(): Promise<void> {
    return this.#reaper.idle();
  }
}

/**
 * Hosts behind one router, those of a subnet on one bridge of it. The router has 10.SUBNET.0.254 and fd00:SUBNET::ff, and
 * drops what comes from a pod's address, as a fabric that checks sources does; and it is the internet, 203.0.113.1 and
 * 2001:db8::1, which knows nothing of pods. Hosts check sources strictly.
 */
export async function plannedNetwork(
  t: TestContext,
  hosts: readonly PlannedHost[],
): Promise<{ readonly router: NetworkNamespace; readonly hosts: readonly KernelHost[] }> {
  const router = newNamespace(t);
  const subnets = new Set(hosts.map(subnetOf));
  setSysctls(router, { 'net.ipv6.conf.default.accept_dad': '0' });
  configure(router, [
    'link set lo up',
    'addr add 203.0.113.1/32 dev lo',
    'addr add 2001:db8::1/128 dev lo',
    ...[...subnets].flatMap((subnet) => [
      `link add br${subnet} type bridge`,
      `link set br${subnet} up`,
      `addr add 10.${subnet}.0.254/24 dev br${subnet}`,
      `addr add fd00:${subnet.toString(16)}::ff/64 dev br${subnet} nodad`,
    ]),
  ]);
  setSysctls(router, { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.all.forwarding': '1' });
  // a switch doesn't ask the router
  if (router.run(() => readSysctl('net.bridge.bridge-nf-call-iptables')) !== undefined)
    setSysctls(router, { 'net.bridge.bridge-nf-call-iptables': '0', 'net.bridge.bridge-nf-call-ip6tables': '0' });
  const made: KernelHost[] = [];
  for (const [number, planned] of hosts.entries()) {
    const namespace = newNamespace(t);
    const subnet = subnetOf(planned);
    setSysctls(namespace, {
      'net.ipv4.conf.all.rp_filter': '1',
      'net.ipv4.conf.default.rp_filter': '1',
      'net.ipv6.conf.default.accept_dad': '0',
    });
    const peer = `/proc/${process.pid}/fd/${namespace.fd}`;
    configure(router, [
      `link add port${number} type veth peer name eth0 netns ${peer}`,
      `link set port${number} master br${subnet} up`,
    ]);
    const addresses = planned.facts.uplinks.flatMap((uplink) => uplink.addresses);
    configure(namespace, [
      'link set lo up',
      'link set eth0 up',
      ...addresses.map(
        (address) => `addr add ${formatPrefix(address)} dev eth0${address.address.family === 6 ? ' nodad' : ''}`,
      ),
      ...addresses.map(({ address }) =>
        address.family === 4
          ? `route add default via 10.${subnet}.0.254`
          : `route add ::/0 via fd00:${subnet.toString(16)}::ff`,
      ),
    ]);
    const reaper = await LinkReaper.open({ namespace, delay: 0 });
    made.push(new KernelHost(t, planned, namespace, reaper));
  }
  // on a busy machine the kernel takes a link, or an address, into use some time after it was set up
  for (const namespace of [router, ...made.map((host) => host.namespace)]) await settled(namespace);
  return { router, hosts: made };
}

/** 10.SUBNET.0.0/24, as plannedHost gives addresses. */
function subnetOf({ node }: PlannedHost): number {
  const [address] = node.addresses;
  return address?.family === 4 ? Number((address.value >> 16n) & 255n) : 1;
}

/** Whether an echo request is answered within two seconds: what isn't is not meant to be, or was unlucky. */
export function pings(namespace: NetworkNamespace, to: Address, from?: Address): boolean {
  const source = from === undefined ? [] : ['-I', formatAddress(from)];
  const options = ['ping', `-${to.family}`, '-c', '1', '-W', '2', ...source, formatAddress(to)];
  return namespace.run(() => spawnSync('busybox', options)).status === 0;
}

/** Whether one of many echo requests is answered: for whom is meant to be, however busy the machine. */
export function reaches(namespace: NetworkNamespace, to: Address, from?: Address): boolean {
  const deadline = Date.now() + PATIENCE;
  while (!pings(namespace, to, from)) if (Date.now() > deadline) return false;
  return true;
}

/** Loads rules in nft's own language, for a look at what arrives. */
export function loadRules(namespace: NetworkNamespace, text: string): void {
  const { status, stderr } = namespace.run(() => spawnSync('nft', ['-f', '-'], { input: text, encoding: 'utf8' }));
  if (status !== 0) throw new Error(stderr);
}
