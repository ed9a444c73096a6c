import type { Address } from '../address/address.ts';
import type { Mac } from '../address/mac.ts';
import type { AddressStore } from '../ipam/address-store.ts';
import { isHeldBy, type Reservation } from '../ipam/reservation.ts';
import { identifyNamespace, identifyOwnNamespace } from '../kernel/network-namespace.ts';
import type { Attachment, BandwidthLimit, PortMapping } from './attachment.ts';
import type { AttachmentRecord } from './attachment-record.ts';
import { type AttachmentKey, type AttachmentStore, keyOf } from './attachment-store.ts';
import { CniError } from './cni-error.ts';
import { deriveHostLink } from './host-link-name.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { derivePodMac } from './pod-mac.ts';
import type { PodNetwork, PodNetworkParameters } from './pod-network.ts';

/** What a runtime asks for with ADD. */
export interface AttachRequest extends AttachmentKey {
  readonly network: string;
  readonly namespacePath: string;
  readonly pod?: NonNullable<Attachment['pod']>;
  readonly addresses: readonly Address[];
  readonly mac?: Mac;
  readonly portMappings: readonly PortMapping[];
  readonly bandwidth?: BandwidthLimit;
}

export interface AttachmentLifecycleOptions {
  readonly network: PodNetwork;
  readonly addresses: AddressStore;
  readonly attachments: AttachmentStore;
  /** See readBootIdentity. */
  readonly boot: string;
  /** When the kernel booted, in milliseconds since the epoch. */
  readonly bootedAt: number;
  /** Undefined where there is no namespace at the path. */
  readonly identifyNamespace?: (file: string) => string | undefined;
}

/** What was taken down because its pod has gone, and what could not be. */
export interface Reclaimed {
  readonly attachments: readonly Attachment[];
  readonly addresses: readonly Reservation[];
  readonly failures: readonly unknown[];
}

export const ALLOW_SPOOFING_ANNOTATION = 'flatnet.io/allow-spoofing';

/**
 * The life of attachments. A record is written before anything is reserved or wired and removed after all of it has been
 * given back, so that whatever dies, at any instant, leaves a record that says what to take down. There is one way down,
 * and it may be gone any number of times.
 */
export class AttachmentLifecycle {
  readonly #network: PodNetwork;
  readonly #addresses: AddressStore;
  readonly #attachments: AttachmentStore;
  readonly #boot: string;
  readonly #bootedAt: number;
  readonly #identify: (file: string) => string | undefined;
  readonly #queue = new KeyedQueue();
  /** Reservations from before the kernel booted do not come anew. */
  #formerBootCleared = false;

  constructor(options: AttachmentLifecycleOptions) {
    this.#network = options.network;
    this.#addresses = options.addresses;
    this.#attachments = options.attachments;
    this.#boot = options.boot;
    this.#bootedAt = options.bootedAt;
    this.#identify = options.identifyNamespace ?? identifyNamespace;
  }

  /** Those that belong to the node's plan. */
  attached(): Attachment[] {
    return this.#attachments
      .list()
      .filter(({ phase }) => phase === 'attached')
      .map(({ attachment }) => attachment);
  }

  find(key: AttachmentKey): Attachment | undefined {
    const record = this.#attachments.get(key);
    return record?.phase === 'attached' ? record.attachment : undefined;
  }

  /**
   * Gives a pod's interface its addresses and wires it; on failure nothing of it is left.
   * @throws CniError `invalid environment` for a namespace that is not there, or that has the interface already; what
   *   AddressStore.allocate and PodNetwork.attach throw
   */
  attach(request: AttachRequest, parameters: PodNetworkParameters): Promise<Attachment> {
    return this.#queue.run(request.containerId, async () => {
      const namespaceIdentity = this.#identifyPod(request.namespacePath);
      await this.#clearStale(request);
      const allowSpoofing = await this.#allowsSpoofing(request.pod);
      const { wiring, mtu, podPrefixes } = parameters;
      const { addresses: requested, mac, ...asked } = request;
      let record: AttachmentRecord | undefined;
      const beforeReserve = (addresses: readonly Address[]) => {
        const derived = {
          addresses,
          hostLink: this.#hostLinkOf(request),
          mac: mac ?? derivePodMac(addresses),
          wiring,
          mtu,
        };
        const attachment = { ...asked, ...derived, ...(allowSpoofing && { allowSpoofing }) };
        record = this.#attachments.put({ phase: 'attaching', boot: this.#boot, namespaceIdentity, attachment });
      };
      try {
        await this.#addresses.allocate(request, podPrefixes, { requested, beforeReserve });
        if (record === undefined) throw new TypeError('addresses were reserved before anybody heard of it');
        record = this.#attachments.setPhase(record, 'attached');
        await this.#network.attach(record.attachment);
        return record.attachment;
      } catch (error) {
        // Where this fails too the record stays, and reclaim goes on; the first error is the one to tell.
        if (record !== undefined) await this.#takeDown(record).catch(() => {});
        throw error;
      }
    });
  }

  /** Takes a pod's interface down and frees its addresses, whatever there is of them. */
  detach(key: AttachmentKey, namespacePath?: string): Promise<void> {
    return this.#queue.run(key.containerId, async () => {
      const record = this.#attachments.get(key);
      if (record !== undefined) return await this.#takeDown(record, namespacePath);
      // Another plugin's, or one set aside as unreadable: what is known of it is enough to free it.
      const present = namespacePath !== undefined && this.#isPodNamespace(namespacePath);
      const { containerId, interfaceName } = key;
      const hostLink = deriveHostLink(key);
      await this.#network.detach({ containerId, interfaceName, hostLink, ...(present && { namespacePath }) });
      await this.#addresses.release(key);
    });
  }

  /**
   * Takes down what is left of pods that have gone: of operations cut off, of former boots, and of namespaces that went
   * without a DEL. Addresses that host-local gave out are left alone, unless they are from before the kernel booted.
   */
  async reclaim(): Promise<Reclaimed> {
    const { taken, failures } = await this.#takeDownWhere((record) => this.#isStale(record));
    const addresses = this.#formerBootCleared ? [] : await this.#clearFormerBoot();
    return { attachments: taken, addresses, failures };
  }

  /**
   * Takes down every attachment of a network but the valid ones.
   * @param ownsStore whether the network is the one that the address store is named after: then addresses that no valid
   *   attachment holds are freed too, whoever reserved them
   */
  async collect(network: string, valid: readonly AttachmentKey[], ownsStore: boolean): Promise<Reclaimed> {
    const kept = new Set(valid.map(keyOf));
    const { taken, failures } = await this.#takeDownWhere(
      async ({ attachment }) => attachment.network === network && !kept.has(keyOf(attachment)),
    );
    const addresses = ownsStore
      ? await this.#addresses.releaseLeaked(
          ({ owner }) => !this.#isRecorded(owner) && !valid.some((key) => isHeldBy(owner, key)),
        )
      : [];
    return { attachments: taken, addresses, failures };
  }

  async #clearFormerBoot(): Promise<Reservation[]> {
    const freed = await this.#addresses.releaseLeaked(
      ({ owner, reservedAt }) => reservedAt < this.#bootedAt && !this.#isRecorded(owner),
    );
    this.#formerBootCleared = true;
    return freed;
  }

  /** Asks twice: the second time with the container's turn, when nothing else is under way with it. */
  async #takeDownWhere(
    isWanted: (record: AttachmentRecord) => Promise<boolean>,
  ): Promise<{ readonly taken: Attachment[]; readonly failures: unknown[] }> {
    const taken: Attachment[] = [];
    const failures: unknown[] = [];
    const takeDown = async ({ attachment }: AttachmentRecord) => {
      const record = this.#attachments.get(attachment);
      if (record === undefined || !(await isWanted(record))) return;
      await this.#takeDown(record);
      taken.push(record.attachment);
    };
    const turns: Promise<void>[] = [];
    for (const record of this.#attachments.list())
      if (await isWanted(record))
        turns.push(
          this.#queue
            .run(record.attachment.containerId, () => takeDown(record))
            .catch((failure: unknown) => {
              failures.push(failure);
            }),
        );
    await Promise.all(turns);
    return { taken, failures };
  }

  async #takeDown(record: AttachmentRecord, namespacePath?: string): Promise<void> {
    const { attachment } = record;
    // Out of the plan first, lest a reconciliation wires it anew; the record goes last of all.
    if (record.phase !== 'detaching') this.#attachments.setPhase(record, 'detaching');
    if (record.phase !== 'attaching') {
      const { namespacePath: recorded, ...target } = attachment;
      const present = [recorded, namespacePath]
        .filter((file) => file !== undefined)
        .find((file) => this.#lives(record, file));
      await this.#network.detach({ ...target, ...(present !== undefined && { namespacePath: present }) });
    }
    await this.#addresses.release(attachment, attachment.addresses);
    this.#attachments.remove(attachment);
  }

  /** Takes down what a former life of the same container left. @throws CniError where that life goes on */
  async #clearStale(request: AttachRequest): Promise<void> {
    const record = this.#attachments.get(request);
    if (record === undefined) return;
    if (!(await this.#isStale(record)))
      throw new CniError('invalid environment', {
        operation: 'attach pod',
        message: `CNI_IFNAME ${request.interfaceName} of CNI_CONTAINERID ${request.containerId} is attached already`,
        remedy: 'call DEL first, or choose another interface name',
      });
    await this.#takeDown(record);
  }

  async #isStale(record: AttachmentRecord): Promise<boolean> {
    const { phase, boot, attachment } = record;
    if (phase !== 'attached' || boot !== this.#boot) return true;
    if (this.#lives(record, attachment.namespacePath)) return false;
    return !(await this.#network.isWired(attachment));
  }

  /** Whether a path names the namespace that the pod was attached in: after a reboot the same inode is another one's. */
  #lives({ boot, namespaceIdentity }: AttachmentRecord, file: string): boolean {
    return boot === this.#boot && this.#identify(file) === namespaceIdentity;
  }

  #isRecorded(owner: Reservation['owner']): boolean {
    return this.#attachments.list().some(({ attachment }) => isHeldBy(owner, attachment));
  }

  #hostLinkOf(request: AttachRequest): string {
    const others = this.#attachments.list();
    return deriveHostLink(request, (name) => others.some(({ attachment }) => attachment.hostLink === name));
  }

  #identifyPod(namespacePath: string): string {
    const identity = this.#identify(namespacePath);
    const remedy = 'give the path of the network namespace of the pod';
    const operation = 'attach pod';
    if (identity === undefined) {
      const message = `there is no network namespace at CNI_NETNS ${namespacePath}`;
      throw new CniError('invalid environment', { operation, message, remedy });
    }
    if (identity === identifyOwnNamespace()) {
      const message = `CNI_NETNS ${namespacePath} is the network namespace of the host`;
      throw new CniError('invalid environment', { operation, message, remedy });
    }
    return identity;
  }

  #isPodNamespace(namespacePath: string): boolean {
    const identity = this.#identify(namespacePath);
    return identity !== undefined && identity !== identifyOwnNamespace();
  }

  async #allowsSpoofing(pod: Attachment['pod']): Promise<boolean> {
    if (pod?.namespace === undefined) return false;
    const annotations = await this.#network.podAnnotations(pod.namespace, pod.name);
    return annotations?.[ALLOW_SPOOFING_ANNOTATION] === 'true';
  }
}
