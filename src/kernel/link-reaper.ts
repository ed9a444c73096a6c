import { isFlatnetError } from '../error/flatnet-error.ts';
import { MessageBuilder } from './netlink/message-builder.ts';
import { NetlinkSocket } from './netlink/netlink-socket.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { encodeLinkRemoval, encodeLinkSettings } from './rtnetlink/link-settings.ts';

/**
 * Groups (IFLA_GROUP) that mark links of ours which are not to stay, whatever else happens to this process: those being made,
 * until they bear our alias, and those that are to be removed. The numbers are of our choosing.
 */
export const LINK_GROUPS = { unfinished: 0x666c_6e01, retired: 0x666c_6e02 } as const;

export interface LinkReaperOptions {
  /** The thread's own unless told otherwise. */
  readonly namespace?: NetworkNamespace;
  /** Milliseconds from the first link retired to its removal, in which others may join it. */
  readonly delay?: number;
  /** Told of a removal that failed; the links stay marked, and the next reaper tries again. */
  readonly onError?: (error: unknown) => void;
}

const DELAY = 50;

/**
 * Removes links of one namespace in the background. Removing one takes the kernel some 20 ms, in which it waits for all
 * CPUs and lets nobody else change a link; removing many at once takes hardly longer. So links are collected in a group,
 * and the group is removed by one request off the JavaScript thread.
 */
export class LinkReaper implements AsyncDisposable {
  readonly #socket: NetlinkSocket;
  readonly #onError: (error: unknown) => void;
  readonly #delay: number;
  readonly #builder = new MessageBuilder(64);
  #waiting = new Set<string>();
  #removing = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #run: Promise<void> | undefined;

  private constructor(options: LinkReaperOptions) {
    this.#socket = NetlinkSocket.open('route', options);
    this.#onError = options.onError ?? (() => undefined);
    this.#delay = options.delay ?? DELAY;
  }

  /** Resolves when what an earlier process has left behind is gone: before that nobody may make links here. */
  static async open(options: LinkReaperOptions = {}): Promise<LinkReaper> {
    const reaper = new LinkReaper(options);
    await reaper.#removeGroup(LINK_GROUPS.unfinished);
    await reaper.#removeGroup(LINK_GROUPS.retired);
    return reaper;
  }

  /** Takes charge of a link: it will be removed soon. @param socket a route socket of the same namespace */
  retire(socket: NetlinkSocket, name: string, index: number): void {
    const builder = new MessageBuilder(64);
    encodeLinkSettings(builder, index, { group: LINK_GROUPS.retired });
    socket.request(builder);
    this.#waiting.add(name);
    if (this.#run === undefined) this.#timer ??= setTimeout(() => this.#start(), this.#delay);
  }

  /** Whether a link is on its way out; once `idle` it is gone. */
  isRetired(name: string): boolean {
    return this.#waiting.has(name) || this.#removing.has(name);
  }

  /** Removes without further delay; resolves when every link retired so far is gone, or could not be removed. */
  async idle(): Promise<void> {
    if (this.#timer !== undefined) this.#start();
    while (this.#run !== undefined) await this.#run;
  }

  /** Finishes what has been begun, and ends. */
  async close(): Promise<void> {
    await this.idle();
    this.#socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#run = this.#removeAll();
  }

  async #removeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      this.#removing = this.#waiting;
      this.#waiting = new Set();
      await this.#removeGroup(LINK_GROUPS.retired);
      this.#removing = new Set();
    }
    this.#run = undefined;
  }

  async #removeGroup(group: number): Promise<void> {
    encodeLinkRemoval(this.#builder.reset(), { group });
    try {
      await this.#socket.requestAsync(this.#builder);
    } catch (error) {
      // Nobody is in the group any more: a link goes with its other end, or with the namespace of that.
      if (!isFlatnetError(error, 'not-found')) this.#onError(error);
    }
  }
}
