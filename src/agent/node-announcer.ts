import type { Clock } from '../kube/clock.ts';
import { formatKubeTime } from '../kube/clock.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { NODES } from '../kube/resource.ts';

export interface NodeAnnouncerOptions {
  readonly client: KubeClient;
  readonly node: string;
  /** Whether this node's network is somebody else's to declare available: the cloud controller's. */
  readonly fabricRoutes: boolean;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What is to be said of the node. */
export interface Announcement {
  /** The annotations that the Node object has. */
  readonly present: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether its pods have their network. */
  readonly available: boolean;
}

/**
 * Says on this node's Node object what others must know of it. Never holds up its caller: one write is under way at a
 * time, and what fails is written again when it is next asked for.
 */
export class NodeAnnouncer {
  readonly #options: NodeAnnouncerOptions;
  #writing: Promise<void> | undefined;
  #available = false;

  constructor(options: NodeAnnouncerOptions) {
    this.#options = options;
  }

  /**
   * Writes the annotations that the Node object hasn't got, and where the network is available the condition
   * NetworkUnavailable: False, once, as route controllers and flannel do. Both in one, for every node hears of each write.
   */
  announce({ present, annotations, available }: Announcement): void {
    const missing = Object.fromEntries(Object.entries(annotations).filter(([name, value]) => present[name] !== value));
    if (available && !this.#available && !this.#options.fabricRoutes)
      this.#write(async () => {
        await this.#declareAvailable(missing);
        this.#available = true;
      });
    else if (Object.keys(missing).length > 0) this.#write(() => this.#annotate(missing));
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  #write(write: () => Promise<void>): void {
    if (this.#writing !== undefined || this.#options.signal.aborted) return;
    this.#writing = write()
      .catch((error: unknown) => {
        if (!this.#options.signal.aborted) this.#options.onError(error);
      })
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async #annotate(annotations: Readonly<Record<string, string>>): Promise<void> {
    const { client, node, signal } = this.#options;
    await client.patch(NODES, { name: node }, { metadata: { annotations } }, { signal });
  }

  /** A status write may change annotations too: flannel's own do. */
  async #declareAvailable(annotations: Readonly<Record<string, string>>): Promise<void> {
    const { client, node, clock, signal } = this.#options;
    const now = formatKubeTime(clock.now());
    const condition = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: 'FlatnetIsUp',
      message: 'flatnet agent has wired this node',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const patch = { metadata: { annotations }, status: { conditions: [condition] } };
    await client.patch(NODES, { name: node }, patch, { signal, type: 'strategic', subresource: 'status' });
  }
}
